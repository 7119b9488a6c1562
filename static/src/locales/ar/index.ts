import attachments from "./attachments.json";
import common from "./common.json";
import composer from "./composer.json";
import conversation from "./conversation.json";
import emoji from "./emoji.json";
import errors from "./errors.json";
import message from "./message.json";
import rooms from "./rooms.json";
import session from "./session.json";
import widget from "./widget.json";

export default { attachments, common, composer, conversation, emoji, errors, message, rooms, session, widget };
