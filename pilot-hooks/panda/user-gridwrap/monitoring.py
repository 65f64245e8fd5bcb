"""As the plug-in generic has it."""
from pilot.user.generic.monitoring import *  # noqa: F401,F403
