import base from "../styles/base.css?inline";
import tokens from "../styles/tokens.css?inline";
import ui from "./ui.css?inline";

/** What every view needs: the look in numbers, and buttons. */
export const baseStyles: readonly string[] = [tokens, base, ui];
