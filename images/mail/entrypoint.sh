#!/bin/sh
# Starts MailDev, which shows every file in its directory as a mail. If a sender died while it sent a mail, the file is empty: the mail was
# not acknowledged, and its task sends it again. Such a file would appear as an empty mail.
set -eu
find /var/lib/mail -name '*.eml' -empty -delete
exec node_modules/.bin/maildev --smtp 1025 --web 1080 --mail-directory /var/lib/mail
