"""Gaps between the reconciles or wake-ups of one series, as the table of causes measures them."""

from collections import Counter

import pandas as pd

from whowoke.analysis.model import Analysis
from whowoke.analysis.rules.causes import CAUSE_FIELDS, Cause
from whowoke.analysis.verdicts.series import gaps
from whowoke.analysis.verdicts.tallies import series_points


def cause_numbers(analysis: Analysis) -> dict[Cause, int]:
    """The row of each cause in the table ``causes``."""
    rows = analysis.causes[list(CAUSE_FIELDS)].itertuples(index=False, name=None)
    return {Cause(*row): number for number, row in enumerate(rows)}


def gap_table(analysis: Analysis) -> pd.DataFrame:
    """One row for each gap.

    Returns ``cause`` (its row in ``causes``); ``row``, the id of the reconcile that ended it where
    the cause leads to reconciles, else of the wake-up; ``gap`` (ns).
    """
    counts = Counter(cause for row in analysis.counted.reconciles for cause in row)
    points = series_points(
        analysis.attribution, analysis.counted, analysis.base, cause_numbers(analysis), counts
    )
    return gaps(points)[["cause", "row", "gap"]].reset_index(drop=True)
