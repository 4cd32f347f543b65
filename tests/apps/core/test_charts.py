"""Charts carry their data, their reading, and nothing that runs."""

from __future__ import annotations

import json

from django.contrib.staticfiles import finders

from apps.core.charts import COLOURS, Series, add_line, add_points, make_chart, new_figure, series_data


def test_a_figure_travels_as_data_with_colours_the_page_can_replace() -> None:
    plot = new_figure(x_label="seconds", y_label="solved, %", x_log=True, tooltips=[("", "@series")])
    add_points(plot, 0, Series("a", {"x": [1, 2], "y": [3, 4]}))
    add_line(plot, 1, Series("b", {"x": [1, 2], "y": [3, 4], "low": [2, 3], "high": [4, 5]}))
    chart = make_chart(plot, id="c", title="T", reading="R", head=["x"], rows=[[1]], series=["a", "b"])
    text = json.dumps(chart.item)
    assert chart.item["target_id"] == "c"
    assert "CustomJS" not in text
    assert '"series-0"' in text
    assert '"series-1"' in text
    assert COLOURS[1] in text
    assert chart.legend == [(1, "a"), (2, "b")]


def test_new_data_is_named_like_the_series_it_replaces_and_cannot_end_its_element() -> None:
    text = series_data([Series("</script>", {"x": [1], "y": [2]})])
    assert "</script>" not in text
    assert json.loads(text) == {"series-0": {"x": [1], "y": [2], "series": ["</script>"]}}


def test_bokehs_library_is_served_from_the_package_and_nothing_beside_it() -> None:
    assert finders.find("bokeh/bokeh.min.js")
    assert not finders.find("bokeh/bokeh.js")
    assert not finders.find("bokeh/../__init__.py")
