"""As the plug-in generic has it."""
from pilot.user.generic.diagnose import *  # noqa: F401,F403
