"""As the plug-in generic has it."""
from pilot.user.generic.copytool_definitions import *  # noqa: F401,F403
