"""What will wake a process next: its pending timers with causes, for people and as data.

The rules are those of the analysis, fed with the records that the timers would make if they fired.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from whowoke.analysis.attribution import Row
from whowoke.analysis.capture import Frame
from whowoke.analysis.causes import Rule
from whowoke.analysis.durations import format_duration
from whowoke.analysis.frames import Place
from whowoke.analysis.model import Analysis
from whowoke.analysis.schema import RECORD_BY_NAME, record_dtype
