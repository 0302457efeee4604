"""What the benchmark answers: the keys of its JSON line, with units and goals."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Key:
    """One number; a goal is a bound that may be reached."""

    name: str
    part: str
    unit: str
    meaning: str
    at_most: float | None = None
    at_least: float | None = None

    @property
    def goal(self) -> str:
        """The bound in words."""
        if self.at_least is not None:
            return f"≥ {self.at_least:,.10g}"
        return f"≤ {self.at_most:,.10g}" if self.at_most else f"{self.at_most}"

    def is_met(self, value: float) -> bool:
        """Whether a value keeps the bound."""
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is None or value <= self.at_most


KEYS = (
    Key("hit_cost_ratio", "hit", "", "a hit of our probe / of bpftrace's entry probe", 0.125),
    Key("idle_cpu_pct", "idle", "% of a core", "target CPU added at an idle manager", 0.1),
    Key("busy_loss_pct", "busy", "%", "reconciles a second lost by a busy operator", 3),
    Key("bystander_syscall_ns", "bystander", "ns", "added to another process's system call", 100),
    Key("drain_per_cpu_s", "drain", "records", "ring to file, per CPU second", at_least=2e6),
    Key("lost_at_200k", "lost", "records", "lost at 200,000 events a second", 0),
    Key("bytes_per_record", "size", "bytes", "whole file / records, a minute of an idle one", 12),
    Key("recorder_rss_mb", "rss", "MB", "most memory of the recorder once attached", 60),
    Key("start_s", "start", "s", "from start until all is attached, warm cache", 1),
    Key("attach_s", "attach", "s", "binary read, planned, attached, warm cache", 1),
    Key("detach_s", "detach", "s", "all probes taken off", 0.2),
    Key("day_verdict_s", "day", "s", "from a day's file to the verdict", 60),
    Key("day_rss_mb", "day", "MB", "most memory of that", 500),
)
KEY_BY_NAME = {key.name: key for key in KEYS}
