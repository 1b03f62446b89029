#!/bin/sh
# Runs a command by a timetable, one run at a time: periodically COMMAND... (contract/periodic.py adds the timetable before this line)
#   --health  fails if no run began at its time, or if the last run failed.
# A run that is due during another run is skipped. With an interval, a failed run is repeated before its next time. SIGTERM ends the script at once, or at the end of the current run.
# For any image with a POSIX shell: no bashisms, and no other programs than date, mv and sleep.
set -u

# The file with the latest start of the next run, the exit status of the last run, and the state: waits or runs.
state=${TMPDIR:-/tmp}/periodically
grace=60 # seconds that a run may begin late
soon=15  # seconds from a failed run to its repetition

clock() { now=$(date +%s) || exit; }

log() { # LEVEL MESSAGE
    printf '{"time":"%s","level":"%s","service":"%s","message":"%s"}\n' \
        "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$1" "${service:-periodically}" "$2"
}

has() { case " $1 " in *" $2 "*) ;; *) return 1 ;; esac }

# Returns whether the timetable has a day, counted from 1970-01-01 (a Thursday).
# Source of the algorithm for month and day: https://howardhinnant.github.io/date_algorithms.html, civil_from_days
on_day() {
    weekday=$((($1 + 4) % 7))
    of_era=$((($1 + 719468) % 146097))
    year=$(((of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365))
    of_year=$((of_era - 365 * year - year / 4 + year / 100)) # year and day of the year begin in March
    month=$(((5 * of_year + 2) / 153))
    of_month=$((of_year - (153 * month + 2) / 5 + 1))
    month=$(((month + 2) % 12 + 1))
    has "${months:-}" "$month" || return 1
    if [ -n "${either:-}" ]; then
        has "${days:-}" "$of_month" || has "${weekdays:-}" "$weekday"
    else
        has "${days:-}" "$of_month" && has "${weekdays:-}" "$weekday"
    fi
}

# Sets next to the first time of a day that is later than TIME.
later() { # DAY TIME
    for hour in ${hours:-}; do
        for minute in ${minutes:-}; do
            next=$(($1 * 86400 + hour * 3600 + minute * 60))
            [ "$next" -le "$2" ] || return 0
        done
    done
    return 1
}

# Sets next to the first time of the timetable that is later than TIME. Times are seconds since 1970.
after() { # TIME
    if [ -n "${interval:-}" ]; then
        next=$(($1 + interval - ($1 - begun) % interval))
        return
    fi
    day=$(($1 / 86400))
    until on_day "$day" && later "$day" "$1"; do
        day=$((day + 1))
    done
}

remember() { # waits|runs
    printf '%s %s %s\n' "$((next + grace))" "$status" "$1" >"$state.new" && mv "$state.new" "$state"
}

for program in date mv sleep; do
    command -v "$program" >/dev/null || { echo "periodically: this image lacks $program" >&2 && exit 1; }
done
if [ "${1:-}" = --health ]; then
    clock
    read -r latest status doing <"$state" || exit 1
    # A long run is healthy: Swarm would otherwise end it, and the next one, too.
    [ "$doing" = runs ] || [ "$now" -le "$latest" ] || { echo "the next run is late: it was due by $latest (now: $now)" && exit 1; }
    [ "$status" = 0 ] || { echo "the last run ended with $status" && exit 1; }
    exit 0
fi

trap 'exit 0' INT QUIT TERM
clock
begun=$now status=0 pause=$soon
if [ -n "${interval:-}" ]; then
    next=$now
else
    after "$now"
fi
remember waits
log info "the first run is in $((next - now)) seconds"
while :; do
    while clock && [ "$now" -lt "$next" ]; do
        rest=$((next - now))
        # In short steps, because clocks are set and laptops sleep; without the log, which ends with its last writer.
        sleep "$((rest < 60 ? rest : 60))" >/dev/null 2>&1 &
        wait
    done
    stopping=
    trap 'stopping=yes' INT QUIT TERM
    after "$now"
    remember runs
    sh "${0%/*}/with-environment" "$@"
    status=$?
    clock
    after "$now"
    # All containers of a machine start at once, and the database may be late. cron's times are kept: they may have a meaning.
    if [ "$status" = 0 ]; then
        pause=$soon
    elif [ "$((now + pause))" -lt "$next" ] && [ -n "${interval:-}" ]; then
        next=$((now + pause))
        pause=$((pause * 2))
    fi
    remember waits
    [ "$status" = 0 ] || log error "the command ended with $status; it runs again in $((next - now)) seconds"
    trap 'exit 0' INT QUIT TERM
    [ -z "$stopping" ] || exit 0
done
