"""Keep the keys of controls from JupyterLab, which listens to every key.

JupyterLab takes a key pressed on a menu or slider for its own command: an arrow leaves the cell, `b` inserts a cell, `x`
cuts the control's cell. It ignores keys on an element with `data-lm-suppress-shortcuts`. The mark does not count on an
element around it, and ipywidgets cannot set it on a control's own elements. So a script sets it on the focused element
inside a marked box when a key is pressed. One listener serves the whole page, also for controls shown again or twice.
Elsewhere (VS Code, Colab) the mark has no effect.
"""

from typing import Any

BOX = "labkit-keeps-keys"
MARK = "data-lm-suppress-shortcuts"

# The script listens on the window, to come before JupyterLab, which listens on the document. Keys with Ctrl or the
# command key (save, undo) stay the notebook's. The mouse moves a slider without giving it the focus. The focus is on its
# cell then, and the next key could cut the cell.
SCRIPT = f"""(() => {{
  if (window.labkitKeepsKeys) return;
  window.labkitKeepsKeys = true;
  const within = (event, kind) => event.target.closest && event.target.closest(".{BOX} " + kind);
  window.addEventListener("keydown", (event) => {{
    if (within(event, "*")) event.target.toggleAttribute("{MARK}", !event.ctrlKey && !event.metaKey);
  }}, true);
  window.addEventListener("pointerdown", (event) => {{
    const pressed = within(event, ":is(select, button, .noUi-target)");
    const focus = () => pressed.contains(document.activeElement)
      || (pressed.querySelector(".noUi-handle") || pressed).focus({{ preventScroll: true }});
    if (pressed) window.addEventListener("pointerup", () => setTimeout(focus), {{ once: true, capture: true }});
  }}, true);
}})();"""


def keeping_keys(controls: Any) -> Any:
    """Keep the keys pressed in the ipywidgets box `controls`. Returns a box with the script; show it beside `controls`.

    The script is an output of a widget. Such scripts run in every notebook, trusted or not.
    """
    import ipywidgets

    controls.add_class(BOX)
    data = {"text/html": f"<script>{SCRIPT}</script>", "text/plain": ""}
    output = {"output_type": "display_data", "data": data, "metadata": {}}
    return ipywidgets.Output(outputs=(output,), layout={"display": "none"})
