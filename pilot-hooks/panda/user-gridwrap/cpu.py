"""As the plug-in generic has it."""
from pilot.user.generic.cpu import *  # noqa: F401,F403
