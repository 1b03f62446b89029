"""The command line of a project that uses only the news app of Landfast."""

import os
import sys
from pathlib import Path

from django.core.management import execute_from_command_line

sys.path.insert(0, str(Path(__file__).parent))
os.environ["DJANGO_SETTINGS_MODULE"] = "bare.settings"
execute_from_command_line(sys.argv)
