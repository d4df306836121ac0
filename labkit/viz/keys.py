"""Controls that keep their keys where a notebook listens to every key.

JupyterLab takes a key pressed on a menu or slider for a command of its own: an arrow leaves the cell, `b` inserts one,
`x` cuts the one in which the control stands. It leaves out an element that itself carries `data-lm-suppress-shortcuts`;
on one around it the mark does not count, and ipywidgets cannot set it on a control's own elements. So a script marks
whatever has the focus inside a marked box, as the key is pressed: it listens once for the whole page, and a control that
is shown again, or twice, needs nothing more. Elsewhere (VS Code, Colab) the mark means nothing.
"""

from typing import Any

BOX = "labkit-keeps-keys"
MARK = "data-lm-suppress-shortcuts"

# On the window, to come before JupyterLab, which listens on the document. What is pressed with Ctrl or the command key
# (save, undo) stays the notebook's. A slider that the mouse moved has no focus, its cell has: the next key would cut it.
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
    """Let the ipywidgets box `controls` keep the keys pressed on what is in it; returns the box that is to be shown beside it.

    The script is an output of a widget: those run in every notebook, trusted or not.
    """
    import ipywidgets

    controls.add_class(BOX)
    data = {"text/html": f"<script>{SCRIPT}</script>", "text/plain": ""}
    output = {"output_type": "display_data", "data": data, "metadata": {}}
    return ipywidgets.Output(outputs=(output,), layout={"display": "none"})
