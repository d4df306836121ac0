"""The progress bar, tqdm's: a widget where widgets are shown, else text.

tqdm alone asks only whether ipywidgets is installed. In a JupyterLab without its extension the bar would stay at 0.
"""

from typing import TYPE_CHECKING

from labkit.front_end import lacks_extension

if TYPE_CHECKING or not lacks_extension():
    from tqdm.auto import tqdm
else:
    from tqdm.std import tqdm

__all__ = ["tqdm"]
