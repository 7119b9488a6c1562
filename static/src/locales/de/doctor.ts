import common from "./common.json";
import doctor from "./doctor.json";

export default { common, doctor };
