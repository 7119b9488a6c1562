import app from "./app.json";
import chat from "./index.ts";

export default { ...chat, app };
