export { EmojiPicker } from "./emoji-picker.tsx";
export { searchEmoji, type Emoji } from "./search.ts";
