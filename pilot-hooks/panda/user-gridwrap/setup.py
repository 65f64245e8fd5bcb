"""As the plug-in generic has it."""
from pilot.user.generic.setup import *  # noqa: F401,F403
