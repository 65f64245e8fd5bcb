"""As the plug-in generic has it."""
from pilot.user.generic.utilities import *  # noqa: F401,F403
