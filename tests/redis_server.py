"""A real database that operators ask: Redis."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests import fixtures

REDIS = Path("/usr/bin/redis-check-rdb")


@dataclass(frozen=True)
class Redis:
    """A running Redis."""

    address: str
    pid: int

    def say(self, *words: str) -> bytes:
        """The answer to one command, in Redis' protocol."""
        host, port = self.address.split(":")
        command = [f"*{len(words)}", *(f"${len(word)}\r\n{word}" for word in words), ""]
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall("\r\n".join(command).encode())
            return connection.recv(65536)


@contextmanager
def running_redis(folder: Path) -> Iterator[Redis]:
    """Run Redis below a folder; it keeps nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    # One program, which its name tells what to be. This name comes without a service that starts.
    program = folder / "redis-server"
    program.symlink_to(REDIS)
    port = str(fixtures.free_ports(1)[0])
    argv = [str(program), "--bind", "127.0.0.1", "--port", port, "--dir", str(folder), "--save", ""]
    with fixtures.running_program(argv, folder / "redis.log") as popen:
        running = Redis(f"127.0.0.1:{port}", popen.pid)

        def answers() -> bool:
            with suppress(OSError):
                return running.say("PING") == b"+PONG\r\n"
            return False

        fixtures.wait_until(answers, 10, f"redis: run `make database` if {REDIS} is missing", popen)
        yield running
