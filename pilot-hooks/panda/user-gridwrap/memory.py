"""As the plug-in generic has it."""
from pilot.user.generic.memory import *  # noqa: F401,F403
