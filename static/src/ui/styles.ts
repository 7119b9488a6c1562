import { baseStyles } from "./base-styles.ts";
import composer from "./conversation/composer.css?inline";
import conversation from "./conversation/conversation.css?inline";
import messages from "./conversation/messages.css?inline";
import shell from "./shell/shell.css?inline";

/** All that a conversation needs; a root that shows one adopts it. Views that are loaded later bring their own. */
export const uiStyles: readonly string[] = [...baseStyles, shell, conversation, messages, composer];
