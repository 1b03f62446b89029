#!/bin/sh
# Starts MailDev, which shows every file that it finds in its directory. Where a sender died in the middle of a letter the file
# is empty: such a letter was never acknowledged, its task sends it again, and a blank one beside it would only puzzle.
set -eu
find /var/lib/mail -name '*.eml' -empty -delete
exec node_modules/.bin/maildev --smtp 1025 --web 1080 --mail-directory /var/lib/mail
