"""Commands in another process, as the fixtures of that kind run them."""

import subprocess
from collections.abc import Callable

Command = Callable[..., "subprocess.CompletedProcess[str]"]
