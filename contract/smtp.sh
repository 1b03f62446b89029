#!/bin/sh
# Sets the variables for {smtp...} and {mail_from...} from the container's settings of the mail server. contract/environment.py adds
# this to the script of a service with such placeholders.
# shellcheck disable=SC2034 # the rest of that script reads them

: "${SMTP_HOST:?is not set: extend the template application, periodic or migration}"
case $SMTP_TLS in
    starttls) smtp_use_tls=true smtp_use_ssl=false smtp_url=smtp+tls smtp_dsn=smtp ;;
    implicit) smtp_use_tls=false smtp_use_ssl=true smtp_url=smtp+ssl smtp_dsn=smtps ;;
    *) smtp_use_tls=false smtp_use_ssl=false smtp_url=smtp smtp_dsn=smtp ;;
esac

# Percent-encodes the user name: it is often an address, and @ would end it in a URL.
smtp_login=
smtp_rest=$SMTP_USER
while [ -n "$smtp_rest" ]; do
    smtp_letter=${smtp_rest%"${smtp_rest#?}"}
    smtp_rest=${smtp_rest#?}
    case $smtp_letter in
        [a-zA-Z0-9._-]) smtp_login=$smtp_login$smtp_letter ;;
        *) smtp_login=$smtp_login$(printf '%%%02X' "'$smtp_letter") ;;
    esac
done
smtp_login=${smtp_login:+$smtp_login:${smtp_password:-}@}
smtp_url=$smtp_url://$smtp_login$SMTP_HOST:$SMTP_PORT
smtp_dsn=$smtp_dsn://$smtp_login$SMTP_HOST:$SMTP_PORT

# The address without the name: hello@example.org from Example <hello@example.org>
mail_address=${MAIL_FROM##*<}
mail_address=${mail_address%>}
