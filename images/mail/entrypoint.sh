#!/bin/sh
# Starts MailDev, which shows every file in its directory as a mail. If a sender died while it sent a mail, the file is empty: the mail was
# not acknowledged, and its task sends it again. Such a file would appear as an empty mail.
set -eu
find /var/lib/mail -name '*.eml' -empty -delete
# One thread for V8 instead of four, as nobody is in a hurry here: each holds memory of its own, 5 MiB in all.
exec node --v8-pool-size=1 --import /app/guard.mjs node_modules/.bin/maildev --smtp 1025 --web 1080 --mail-directory /var/lib/mail
