"""As the plug-in generic has it."""
from pilot.user.generic.common import *  # noqa: F401,F403
