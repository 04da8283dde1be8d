# What both files of scenarios use. A scenario is a function; what it finds wrong it says and returns 1.

given=/oom-trace-tests
config=/etc/oom-trace/config.toml
export SYSTEMD_PAGER= SYSTEMD_COLORS=0 DEBIAN_FRONTEND=noninteractive

fail() {
    echo "$*"
    return 1
}

# until SECONDS COMMAND…: waits for it to succeed.
until_() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.2
    done
}

pid() {
    systemctl show --property MainPID --value oom-trace
}

# hog UNIT [PROPERTY…]: a unit that runs out of its 24 MiB.
hog() {
    local unit=$1
    shift
    systemd-run --quiet --wait --unit="$unit" -p MemoryMax=24M -p MemorySwapMax=0 "$@" tail /dev/zero
    true
}

# record FILTER: the newest kill that jq's filter takes, as one line.
record() {
    oom-trace history --format json 2>/dev/null | jq -c "select(.type == \"oom_kill\") | select($1)" | tail -n 1
}

has_record() {
    [ -n "$(record "$1")" ]
}

# The kill that the filter takes, waited for.
killed() {
    until_ 60 has_record "$1" && record "$1"
}

# Runs the functions whose names begin with one of the words, or all; a line each.
run_scenarios() {
    local failed=0 name out chosen word
    for word in "${words[@]}"; do
        case " ${scenarios[*]}" in *" $word"*) continue ;; esac
        echo "FAILED  there is no scenario $word"
        failed=1
    done
    for name in "${scenarios[@]}"; do
        chosen=$([ ${#words[@]} -eq 0 ] && echo 1)
        for word in "${words[@]}"; do
            case $name in "$word"*) chosen=1 ;; esac
        done
        [ -n "$chosen" ] || continue
        local since=$SECONDS
        # Not in a pipe or condition of its own, for what it sets to stay.
        "$name" >/run/scenario.out 2>&1
        local code=$?
        out=$(cat /run/scenario.out)
        if [ $code -eq 0 ]; then
            echo "ok      $name ($((SECONDS - since)) s)"
            [ -z "$out" ] || sed 's/^/        /' /run/scenario.out
        else
            failed=1
            echo "FAILED  $name ($((SECONDS - since)) s)"
            sed 's/^/        /' /run/scenario.out
            journalctl --no-pager -o cat -u oom-trace -n 15 | sed 's/^/        | /'
        fi
    done
    return $failed
}
