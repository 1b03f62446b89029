#!/bin/sh
# Starts MailDev, which shows every file in its directory. If a sender died in the middle of a letter, the file is empty: the
# letter was never acknowledged, and its task sends it again. An additional blank letter would only confuse.
set -eu
find /var/lib/mail -name '*.eml' -empty -delete
exec node_modules/.bin/maildev --smtp 1025 --web 1080 --mail-directory /var/lib/mail
