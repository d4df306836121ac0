"""The costs of a network, layer by layer, from the table of `labkit.models.profile`."""

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from labkit.counting import counted, named
from labkit.viz.theme import described, figure, look_of, plain


def cost_bars(table: pd.DataFrame, title: str | None = None, *, macs: str = "macs") -> go.Figure:
    """Parameters and multiply-accumulates of each layer, side by side, in the network's order from top to bottom.

    `table` has the columns `name`, `parameters` and `macs`, one row per layer.

    Raises `ValueError` for a missing column.
    """
    missing = [column for column in ("name", "parameters", macs) if column not in table.columns]
    if missing:
        raise ValueError(f"a table of costs has name, parameters and {macs}; missing: {', '.join(missing)}")
    names = [plain(name) for name in table["name"]]
    fig = figure(make_subplots(cols=2, shared_yaxes=True), title, height=160 + 22 * len(table), showlegend=False)
    panels = (("parameters", "Parameters"), (macs, "Multiply-accumulates"))
    for column, (measure, label) in enumerate(panels, start=1):
        look = look_of(column - 1)
        fig.add_bar(
            orientation="h",
            y=names,
            x=table[measure].tolist(),
            marker={"color": look.colour, "pattern": {"shape": look.pattern}},
            name=label,
            hovertemplate="%{y}: %{x:,}<extra></extra>",
            row=1,
            col=column,
        )
        # 60k, 33M, 8G: layers and networks alike; few, so that they stand upright on a phone
        fig.update_xaxes(title=label, tickformat="~s", nticks=4, tickangle=0, row=1, col=column)
    fig.update_yaxes(autorange="reversed", dtick=1)
    dear = table[table[macs] == table[macs].max()]
    share = f"{100 * table[macs].max() / table[macs].sum():.0f} %"
    most = f"{named(list(dear['name']))} {'takes' if len(dear) == 1 else 'take'} the most, {share}"
    return described(
        fig,
        f"{counted(len(table), 'layer')} with {table['parameters'].sum():,.0f} parameters and {table[macs].sum():,.0f} "
        f"multiply-accumulates in all; {most}{' each' if len(dear) > 1 else ''}.",
    )
