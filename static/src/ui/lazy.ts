// Views that many who open a chat never see are loaded when they are needed, with their sheets.
import type { RefObject } from "preact";
import { useContext, useEffect, useState } from "preact/hooks";
import { ChatError } from "parlour-client";
import { adopt } from "../styles/sheets.ts";
import { untilLoaded } from "../until-loaded.ts";
import { ChatContext } from "./context.ts";

/** The event that tells a page of its own, within its tree, that views could not be loaded. */
export const LOAD_FAILED = "parlour:load-failed";

/** A module of views. */
export interface Views {
  /** What the document or shadow root that shows them has to adopt. */
  readonly styles: readonly string[];
}

/**
 * The views of a module; `null` until they are wanted and there. Says so when they cannot be loaded, and goes on trying;
 * not every browser asks the network again for a script that it could not fetch, so a page should hear {@link LOAD_FAILED}.
 *
 * @param place an element in the root that will show them
 */
export function useLazy<Module extends Views>(
  load: () => Promise<Module>,
  wanted: boolean,
  place: RefObject<Element | null>,
): Module | null {
  const chat = useContext(ChatContext);
  const [views, setViews] = useState<Module | null>(null);
  useEffect(() => {
    if (!wanted || views) return undefined;
    const arrive = (loaded: Module): void => {
      const root = place.current?.getRootNode();
      if (root instanceof Document || root instanceof ShadowRoot) adopt(root, loaded.styles);
      setViews(loaded);
    };
    return untilLoaded(load, arrive, () => {
      chat?.notify(new ChatError("offline"));
      place.current?.dispatchEvent(new CustomEvent(LOAD_FAILED, { bubbles: true }));
    });
  }, [wanted]);
  return views;
}
