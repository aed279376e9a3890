// What ComfyUI's page leaves to a pack:
//
// While a node works, the page shows previews in it, and keeps the last of them in front of what the node made in the end (a film, a
// contact sheet). So when a node of this pack is done, its previews go.
//
// A text that a node shows (what was loaded, what was heard) has room for two lines, and stays when a later run has nothing to say. So it
// goes with the result, its lines end between words, and the node grows until the whole text is seen. Older pages draw a picture over a text
// that comes after it, so the text comes first.
//
// A workflow that was saved before Load Sound had its choice of a track has something else in its place, and the page would send that.

import { app } from "../../scripts/app.js";
import { api } from "../../scripts/api.js";

const PREVIEW_WIDGET = "$$canvas-image-preview";
const TEXT_WIDGET = "$$node-text-preview";
const PAGE = "vue-app";
const OUTPUT_STORE = "nodeOutput";
const LATE_MILLISECONDS = [500, 2000, 5000];
const LINE_PIXELS = 18;
const PADDING_PIXELS = 28;
const MARGIN_PIXELS = 60;
const PEN = document.createElement("canvas").getContext("2d");

function ourNode(id) {
    const node = app.graph?.getNodeById?.(id) ?? app.graph?.getNodeById?.(Number(id));
    return String(node?.comfyClass ?? node?.type ?? "").startsWith("SGVG_") ? node : undefined;
}

function endPreviews(id, output) {
    const node = ourNode(id);
    if (!node) return;
    const had = Boolean(app.nodePreviewImages?.[id]);
    if (had) forgetPreviews(id);
    if (output?.animated?.some(Boolean)) {
        endStill(node);
        // The page loads previews in the background: the last one may come when the film is there already.
        for (const later of LATE_MILLISECONDS) setTimeout(() => endStill(node), later);
    }
    if (had) node.setDirtyCanvas?.(true, true);
}

function endStill(node) {
    // The page would keep the still picture next to the film.
    const late = app.nodePreviewImages?.[node.id];
    if (!late && !node.widgets?.some((widget) => widget.name === PREVIEW_WIDGET)) return;
    if (late) forgetPreviews(node.id);
    node.imgs = undefined;
    removeWidget(node, PREVIEW_WIDGET);
    node.setDirtyCanvas?.(true, true);
}

function forgetPreviews(id) {
    // The new node design draws from a store of the page, and only the store's own call makes it draw again.
    const page = document.getElementById(PAGE)?.__vue_app__?.config?.globalProperties;
    page?.$pinia?._s?.get(OUTPUT_STORE)?.revokePreviewsByLocatorId?.(String(id));
    delete app.nodePreviewImages[id];
}

function removeWidget(node, name) {
    const place = node.widgets?.findIndex((widget) => widget.name === name) ?? -1;
    if (place < 0) return;
    node.widgets[place].onRemove?.();
    node.widgets.splice(place, 1);
}

function room(node) {
    return Math.max(80, node.size[0] - MARGIN_PIXELS);
}

function width(line) {
    PEN.font = `12px ${getComputedStyle(document.body).fontFamily}`; // which font the page took in the end
    return PEN.measureText(line).width;
}

function wrapped(node, text) {
    // The page would break lines in the middle of words.
    const broken = (line) => line.split(" ").reduce((lines, word) => {
        const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
        return lines.length && width(longer) <= room(node) ? [...lines.slice(0, -1), longer] : [...lines, word];
    }, []);
    return text.split("\n").flatMap(broken).join("\n");
}

function showText(id, text) {
    const node = ourNode(id);
    if (!node || text === undefined) return;
    if (text) api.dispatchCustomEvent("progress_text", { nodeId: id, text: wrapped(node, text) });
    else removeWidget(node, TEXT_WIDGET);
}

function putBeforePicture(node, text) {
    const picture = node.widgets.findIndex((each) => each.name === PREVIEW_WIDGET);
    const place = node.widgets.indexOf(text);
    if (picture < 0 || picture > place) return;
    node.widgets.splice(place, 1);
    node.widgets.splice(picture, 0, text);
}

function makeRoomForText(id, text) {
    const node = ourNode(id);
    const widget = node?.widgets?.find((each) => each.name === TEXT_WIDGET);
    if (!widget?.options) return;
    putBeforePicture(node, widget);
    const lines = wrapped(node, text).split("\n").map((line) => Math.max(1, Math.ceil(width(line) / room(node))));
    const height = PADDING_PIXELS + lines.reduce((sum, count) => sum + count, 0) * LINE_PIXELS;
    widget.options.getMinHeight = () => height;
    widget.options.getMaxHeight = () => height;
    const wanted = node.computeSize?.()[1] ?? 0;
    if (wanted > node.size[1]) node.setSize([node.size[0], wanted]);
    node.setDirtyCanvas?.(true, true);
}

function mendTrack(node) {
    const widget = node.widgets?.find((each) => each.name === "track");
    if (widget && !Number.isInteger(widget.value)) widget.value = 0;
}

app.registerExtension({
    name: "SGVG.NodePages",
    loadedGraphNode(node) {
        if ((node.comfyClass ?? node.type) === "SGVG_LoadSound") mendTrack(node);
    },
    setup() {
        api.addEventListener("executed", ({ detail }) => {
            const id = String(detail?.display_node ?? detail?.node ?? "");
            endPreviews(id, detail?.output);
            showText(id, detail?.output?.sgvg_text?.[0]);
        });
        // The page itself hears of the text too, and makes the widget: first that, then this.
        api.addEventListener("progress_text", ({ detail }) => setTimeout(() => makeRoomForText(detail?.nodeId, String(detail?.text ?? "")), 50));
    },
});
