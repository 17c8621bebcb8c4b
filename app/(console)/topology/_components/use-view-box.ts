"use client";
/** Zooming and panning the picture: buttons, + - 0 and arrow keys, Ctrl with the wheel, dragging once it is zoomed. */
import { type KeyboardEvent, type PointerEvent, type RefObject, useCallback, useEffect, useRef, useState } from "react";
import type { Box, Point } from "./topology-layout.ts";

const zoomMax = 6;
type View = { zoom: number; /** Centre, in the picture's units. */ x: number; y: number };

export type ViewBox = {
  zoom: number;
  text: string;
  zoomBy: (factor: number, around?: Point) => void;
  fit: () => void;
  /** Moves the view so that a box can be seen; nothing when it can. */
  show: (box: Box) => void;
  onKeyDown: (event: KeyboardEvent<SVGSVGElement>) => void;
  onPointerDown: (event: PointerEvent<SVGSVGElement>) => void;
  onPointerMove: (event: PointerEvent<SVGSVGElement>) => void;
  onPointerUp: (event: PointerEvent<SVGSVGElement>) => void;
};

export function useViewBox(svg: RefObject<SVGSVGElement | null>, width: number, height: number): ViewBox {
  const [view, setView] = useState<View>({ zoom: 1, x: 0.5, y: 0.5 });
  const drag = useRef<{ x: number; y: number } | undefined>(undefined);
  // The centre is kept as a share, so that a picture that grows stays where it was.
  const keep = useCallback((next: View): View => {
    const zoom = Math.min(zoomMax, Math.max(1, next.zoom));
    const half = 0.5 / zoom;
    return { zoom, x: Math.min(1 - half, Math.max(half, next.x)), y: Math.min(1 - half, Math.max(half, next.y)) };
  }, []);
  const zoomBy = useCallback((factor: number, around?: Point) => {
    setView((before) => {
      const zoom = Math.min(zoomMax, Math.max(1, before.zoom * factor));
      const point = around ?? { x: before.x, y: before.y };
      const share = before.zoom / zoom;
      return keep({ zoom, x: point.x + (before.x - point.x) * share, y: point.y + (before.y - point.y) * share });
    });
  }, [keep]);
  const fit = useCallback(() => setView({ zoom: 1, x: 0.5, y: 0.5 }), []);
  const pan = (x: number, y: number) => setView((before) => keep({ ...before, x: before.x + x / before.zoom, y: before.y + y / before.zoom }));

  // React's wheel listeners are passive; with Ctrl the browser would zoom the whole page.
  useEffect(() => {
    const element = svg.current;
    if (!element) return;
    const onWheel = (event: WheelEvent) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const frame = element.getBoundingClientRect();
      setView((before) => {
        const around = { x: before.x + ((event.clientX - frame.left) / frame.width - 0.5) / before.zoom, y: before.y + ((event.clientY - frame.top) / frame.height - 0.5) / before.zoom };
        const zoom = Math.min(zoomMax, Math.max(1, before.zoom * (event.deltaY < 0 ? 1.2 : 1 / 1.2)));
        const share = before.zoom / zoom;
        return keep({ zoom, x: around.x + (before.x - around.x) * share, y: around.y + (before.y - around.y) * share });
      });
    };
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  }, [svg, keep]);

  const onKeyDown = (event: KeyboardEvent<SVGSVGElement>) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const actions: Record<string, (() => void) | undefined> = { "+": () => zoomBy(1.4), "=": () => zoomBy(1.4), "-": () => zoomBy(1 / 1.4), "0": fit, ...(view.zoom > 1 ? { ArrowLeft: () => pan(-0.2, 0), ArrowRight: () => pan(0.2, 0), ArrowUp: () => pan(0, -0.2), ArrowDown: () => pan(0, 0.2) } : {}) };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  };
  const onPointerDown = (event: PointerEvent<SVGSVGElement>) => {
    if (view.zoom === 1 || event.button !== 0 || (event.target as Element).closest("a") !== null) return;
    drag.current = { x: event.clientX, y: event.clientY };
    event.currentTarget.setPointerCapture(event.pointerId);
  };
  const onPointerMove = (event: PointerEvent<SVGSVGElement>) => {
    const before = drag.current;
    if (!before) return;
    const frame = event.currentTarget.getBoundingClientRect();
    pan((before.x - event.clientX) / frame.width, (before.y - event.clientY) / frame.height);
    drag.current = { x: event.clientX, y: event.clientY };
  };
  const onPointerUp = () => {
    drag.current = undefined;
  };
  const show = (box: Box) => {
    setView((before) => {
      const half = 0.5 / before.zoom;
      const centre = { x: (box.x + box.width / 2) / width, y: (box.y + box.height / 2) / height };
      const isSeen = Math.abs(centre.x - before.x) < half * 0.85 && Math.abs(centre.y - before.y) < half * 0.85;
      return isSeen ? before : keep({ ...before, ...centre });
    });
  };
  const shown = { width: width / view.zoom, height: height / view.zoom };
  const text = `${(view.x * width - shown.width / 2).toFixed(1)} ${(view.y * height - shown.height / 2).toFixed(1)} ${shown.width.toFixed(1)} ${shown.height.toFixed(1)}`;
  return { zoom: view.zoom, text, zoomBy, fit, show, onKeyDown, onPointerDown, onPointerMove, onPointerUp };
}
