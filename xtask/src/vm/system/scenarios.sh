#!/bin/bash
# The package's life on a system: installed, used, wrongly configured, upgraded, removed.

. "${0%/*}/lib.sh"
. "${0%/*}/containers.sh"
words=("$@")

# Up to so much may be left open (systemd-analyze security), by tenths.
exposure=20

install_package() {
    apt-get install --yes --quiet "$given/oom-trace.deb" >/run/apt.out 2>&1 || fail "$(tail -n 20 /run/apt.out)"
}

installed() {
    install_package || return 1
    [ "$(systemctl is-enabled oom-trace)" = enabled ] || fail "not enabled" || return 1
    [ "$(systemctl is-active oom-trace)" = active ] || fail "$(systemctl status oom-trace)" || return 1
    # `active` of Type=notify is said by the agent, once it is attached.
    [ "$(systemctl show --property Type --value oom-trace)" = notify ] || fail "not Type=notify" || return 1
    systemctl show --property StatusText --value oom-trace | grep -q . || fail "says nothing of its state"
}

told_in_the_journal_of_its_unit() {
    hog victim
    killed '.victim.unit == "victim.service"' >/dev/null || fail "no record of the kill" || return 1
    journal() { journalctl --no-pager -o json -u victim.service | grep -q OOM_TRACE_ID; }
    until_ 30 journal || fail "journalctl -u victim.service: $(journalctl --no-pager -u victim.service)" || return 1
    journalctl --no-pager -o cat -u victim.service | grep 'oom_kill\|killed\|memory' | head -n 1 | cut -c 1-160
}

kept_and_told() {
    oom-trace history | grep -q victim.service || fail "history: $(oom-trace history 2>&1)" || return 1
    oom-trace verify --since 1h --unit victim.service >/run/v 2>&1
    # There was one.
    [ $? -eq 1 ] && grep -q victim.service /run/v || fail "verify: $(cat /run/v)" || return 1
    oom-trace report --html /run/report.html >/dev/null 2>/run/v || fail "report: $(cat /run/v)" || return 1
    grep -q victim.service /run/report.html || fail "the page does not name the unit"
}

reloaded() {
    local before=$(pid)
    sed -i 's/^candidates = 10/candidates = 9/' $config
    systemctl reload oom-trace || fail "a good configuration" || return 1
    [ "$(pid)" = "$before" ] || fail "another process" || return 1
    sed -i 's/^candidates = 9/candidates = 10/; 1i nonsense = 1' $config
    ! systemctl reload oom-trace 2>/dev/null || fail "a wrong configuration was taken" || return 1
    [ "$(pid)" = "$before" ] && [ "$(systemctl is-active oom-trace)" = active ] || fail "it did not go on"
    local code=$?
    sed -i 1d $config
    systemctl reload oom-trace && return $code
}

restarted() {
    local before=$(pid)
    systemctl restart oom-trace || return 1
    [ "$(pid)" != "$before" ] || fail "the same process" || return 1
    sed -i '1i nonsense = 1' $config
    ! systemctl restart oom-trace 2>/dev/null || fail "started with a wrong configuration" || return 1
    sed -i 1d $config
    systemctl reset-failed oom-trace
    hog meanwhile
    systemctl start oom-trace || return 1
    killed '.victim.unit == "meanwhile.service"' >/dev/null || fail "the kill while it was stopped is not told" || return 1
    before=$(pid)
    systemctl kill --signal KILL oom-trace
    back() { [ "$(systemctl is-active oom-trace)" = active ] && [ "$(pid)" != "$before" ]; }
    until_ 120 back || fail "not back after SIGKILL"
}

# It does not answer any more, and is another one soon, which tells of the kill meanwhile.
started_again_when_it_hangs() {
    local drop_in=/run/systemd/system/oom-trace.service.d/watchdog.conf before
    mkdir -p "${drop_in%/*}"
    printf '[Service]\nWatchdogSec=8\n' >$drop_in
    systemctl daemon-reload
    systemctl restart oom-trace || return 1
    before=$(pid)
    sleep 20
    [ "$(pid)" = "$before" ] || fail "taken for hung while it was not: $(systemctl status oom-trace)" || return 1
    kill -STOP "$before"
    hog hung
    another() { [ "$(systemctl is-active oom-trace)" = active ] && [ "$(pid)" != "$before" ]; }
    until_ 120 another || fail "still the one that hangs: $(systemctl status oom-trace)" || return 1
    killed '.victim.unit == "hung.service"' >/dev/null || fail "the kill while it hung is not told"
    local code=$?
    rm $drop_in
    systemctl daemon-reload
    systemctl restart oom-trace && return $code
}

# Keys of a record that have nothing, one a line.
nulls() {
    jq -r 'paths(. == null) | map(select(type == "string")) | join(".")' | sort -u
}

# What the sandbox takes away is none of the record: the same kill, told by an agent that is in none.
no_field_lost_by_the_sandbox() {
    hog sandboxed
    killed '.victim.unit == "sandboxed.service"' | nulls >/run/sandboxed
    systemctl stop oom-trace
    systemd-run --quiet --unit=free -p OOMScoreAdjust=-1000 oom-trace --config $config
    attached() { journalctl --no-pager -o cat -u free | grep -q 'attached by'; }
    until_ 120 attached || fail "the free one does not start" || return 1
    hog free-victim
    killed '.victim.unit == "free-victim.service"' | nulls >/run/free-nulls
    systemctl stop free
    systemctl start oom-trace
    [ -s /run/free-nulls ] && [ -s /run/sandboxed ] || fail "no records" || return 1
    local lost=$(comm -23 /run/sandboxed /run/free-nulls)
    [ -z "$lost" ] || fail "null in the sandbox alone: $lost"
}

# No network, an error that says what to do, and a network by the drop-in that comes with the package.
reaches_the_network_when_told() {
    local drop_in=/etc/systemd/system/oom-trace.service.d/network.conf good=/run/good.toml
    cp $config $good
    printf '[[sink.prometheus]]\nlisten = "127.0.0.1:9717"\n' >>$config
    ! systemctl restart oom-trace 2>/dev/null || fail "it may use the network" || return 1
    systemctl stop oom-trace
    journalctl --no-pager -o cat -u oom-trace -n 10 | grep -q 'put network.conf' || fail "no word of the drop-in" || return 1
    install -D -m 0644 /usr/share/oom-trace/network.conf $drop_in
    systemctl daemon-reload
    systemctl reset-failed oom-trace
    systemctl restart oom-trace || return 1
    asked() { (exec 3<>/dev/tcp/127.0.0.1/9717 && printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3 && grep -q oom_trace_ <&3); }
    until_ 20 asked || fail "no metrics"
    local code=$?
    systemd-analyze security --no-pager oom-trace.service | tail -n 1
    rm $drop_in
    cp $good $config
    systemctl daemon-reload
    systemctl restart oom-trace && return $code
}

# Another takes the place of the function whose entry and return are hooked: while the agent runs, before it starts,
# and not any more. Each kill is recorded as if there were none, and no count differs.
live_patched() {
    local module=live_patch state=/sys/kernel/livepatch/live_patch begun=$(date --iso-8601=seconds) step
    is_whole() { [ "$(cat $state/transition)" = 0 ]; }
    # recorded UNIT: a kill; by what it is told, and what of its record is null. The kernel 5.10 does not find
    # its way back through a patch, and then writes no registers.
    recorded() {
        local place written
        hog "$1"
        killed ".victim.unit == \"$1.service\"" >/run/kill || fail "no record of $1" || return 1
        place=$(jq -r '.trigger.user_pc // ""' /run/kill)
        written=$(journalctl -k --no-pager -o cat | tac | sed '/invoked oom-killer/q' | sed -n 's/^RIP: 0033://p')
        [ "$place" = "$written" ] || fail "$1: told is $place, and written $written" || return 1
        { jq -r .source /run/kill && nulls </run/kill | grep -vx trigger.user_pc; } >"/run/told-$1"
    }
    recorded unpatched || return 1
    enable() { insmod "/usr/lib/modules/$(uname -r)/$module.ko"; }
    # Before Linux 6.0 a function has either a live patch or a program at its return.
    if ! enable; then
        case $(uname -r) in [45].*) ;; *) fail "refused: $(journalctl -k --no-pager -o cat -n 5)" || return 1 ;; esac
        systemctl stop oom-trace && enable && systemctl start oom-trace || fail "refused without the agent, or the agent" || return 1
    fi
    until_ 60 is_whole || fail "the patch is in transition for a minute" || return 1
    recorded patched || return 1
    systemctl restart oom-trace || return 1
    recorded started-on-a-patch || return 1
    local calls=$(cat /sys/module/$module/parameters/calls)
    [ "$calls" = 2 ] || fail "the patch had $calls calls" || return 1
    echo 0 >$state/enabled
    until_ 60 [ ! -e $state ] || fail "still patched after a minute" || return 1
    rmmod $module || return 1
    recorded patched-no-more || return 1
    for step in patched started-on-a-patch patched-no-more; do
        diff /run/told-unpatched "/run/told-$step" >/run/diff || fail "told in another way, $step: $(cat /run/diff)" || return 1
    done
    oom-trace verify --since "$begun" >/run/v 2>&1
    [ $? -eq 1 ] && ! grep -q 'at least\|may have been more' /run/v || fail "verify: $(cat /run/v)"
}

upgraded() {
    local before=$(pid) records=$(oom-trace history --format json | wc -l)
    sed -i 's/^candidates = 10/candidates = 8/' $config
    apt-get install --yes --quiet --reinstall "$given/oom-trace.deb" >/run/apt.out 2>&1 || fail "$(tail -n 20 /run/apt.out)" || return 1
    again() { [ "$(systemctl is-active oom-trace)" = active ] && [ "$(pid)" != "$before" ]; }
    until_ 120 again || fail "not restarted" || return 1
    grep -q '^candidates = 8' $config || fail "the configuration was overwritten" || return 1
    [ "$(oom-trace history --format json | wc -l)" -ge "$records" ] || fail "records are gone"
}

little_left_open() {
    systemd-analyze security --no-pager oom-trace.service | grep -v '^✓'
    local rating=$(systemd-analyze security --no-pager oom-trace.service | sed -n 's/.*exposure level for .*: \([0-9]*\)\.\([0-9]\).*/\1\2/p')
    [ -n "$rating" ] && [ "$rating" -le $exposure ] || fail "$rating tenths, and $exposure are allowed"
}

# The same sandbox around `check`.
nothing_missing_inside() {
    local unit=/run/systemd/system/inside.service
    sed -e 's/^Type=notify/Type=oneshot/' -e '/^NotifyAccess=\|^Restart\|^RuntimeDirectory\|^ExecReload/d' \
        -e "s#^ExecStart=.*#ExecStart=/usr/bin/oom-trace check --json --config $config#" /usr/lib/systemd/system/oom-trace.service >$unit
    # What of the unit's folders is the agent's must be there to be put into its place.
    systemctl daemon-reload
    systemctl start inside
    local code=$?
    local said=$(journalctl --no-pager -o cat -u inside.service | grep -v 'inside.service:\|OOM kill recorder')
    [ $code -eq 0 ] || fail "$said" || return 1
    # Its exit status says nothing of a field that is missing.
    echo "$said" | sed -n '/^{/,/^}/p' | jq --exit-status '.missing == []' >/dev/null || fail "$said"
}

removed() {
    apt-get remove --yes --quiet oom-trace >/run/apt.out 2>&1 || fail "$(tail -n 20 /run/apt.out)" || return 1
    [ ! -e /usr/bin/oom-trace ] && [ ! -e /usr/lib/systemd/system/oom-trace.service ] || fail "files stayed" || return 1
    [ "$(systemctl is-active oom-trace)" != active ] || fail "it runs on" || return 1
    [ -e $config ] && [ -e /var/lib/oom-trace/records.db ] || fail "the records or the configuration went" || return 1
}

purged() {
    apt-get purge --yes --quiet oom-trace >/run/apt.out 2>&1 || fail "$(tail -n 20 /run/apt.out)" || return 1
    local left=$(ls -d /etc/oom-trace /etc/logrotate.d/oom-trace /var/lib/oom-trace /var/log/oom-trace /etc/systemd/system/*/oom-trace.service 2>/dev/null)
    [ -z "$left" ] || fail "left: $left" || return 1
    ! systemctl cat oom-trace >/dev/null 2>&1 || fail "systemd still knows the unit"
}

# Debian's rpm has no database of what is installed here: what the package needs is looked at elsewhere
# (`cargo xtask dist`), and what its scripts do is the same.
from_the_rpm() {
    # Unlike apt-get, it does not mind that the package was purged before.
    dpkg --purge oom-trace >/run/dpkg.out 2>&1 || fail "$(tail -n 20 /run/dpkg.out)" || return 1
    # Before each script it closes as many files as may be open, one by one: a thousand million under systemd.
    rpm() { (ulimit -n 1024 && command rpm "$@"); }
    package() { rpm "$@" "$given/oom-trace.rpm" >/run/rpm.out 2>&1 || fail "rpm $*: $(tail -n 20 /run/rpm.out)"; }
    package --install --nodeps || return 1
    rpm --verify --nodeps oom-trace || fail "what is installed is not what is in the package" || return 1
    # A preset says whether it is enabled; Debian's enables all.
    systemctl enable --now oom-trace 2>/run/rpm.out || fail "$(cat /run/rpm.out; systemctl status oom-trace)" || return 1
    hog of-the-rpm
    killed '.victim.unit == "of-the-rpm.service"' >/dev/null || fail "no record of the kill" || return 1
    journal() { journalctl --no-pager -o json -u of-the-rpm.service | grep -q OOM_TRACE_ID; }
    until_ 30 journal || fail "nothing in journalctl -u of-the-rpm.service" || return 1
    oom-trace report --html /run/rpm.html && grep -q of-the-rpm.service /run/rpm.html || fail "no page of it" || return 1
    local before=$(pid)
    sed -i 's/^candidates = 10/candidates = 8/' $config
    package --upgrade --nodeps --replacepkgs || return 1
    again() { [ "$(systemctl is-active oom-trace)" = active ] && [ "$(pid)" != "$before" ]; }
    until_ 120 again || fail "not restarted by the upgrade" || return 1
    grep -q '^candidates = 8' $config || fail "the configuration was overwritten" || return 1
    rpm --erase oom-trace >/run/rpm.out 2>&1 || fail "rpm --erase: $(cat /run/rpm.out)" || return 1
    [ "$(systemctl is-active oom-trace)" != active ] || fail "it runs on" || return 1
    ! systemctl cat oom-trace >/dev/null 2>&1 || fail "systemd still knows the unit" || return 1
    local left=$(ls -d /usr/bin/oom-trace /usr/lib/systemd/system/oom-trace.service \
        /etc/systemd/system/*/oom-trace.service /etc/logrotate.d/oom-trace 2>/dev/null)
    [ -z "$left" ] || fail "left: $left" || return 1
    [ -e $config.rpmsave ] && [ -e /var/lib/oom-trace/records.db ] || fail "the records or the configuration went"
}

scenarios=(
    installed told_in_the_journal_of_its_unit kept_and_told reloaded restarted started_again_when_it_hangs
    little_left_open nothing_missing_inside no_field_lost_by_the_sandbox reaches_the_network_when_told
    live_patched "${containers[@]}"
    upgraded removed purged from_the_rpm
)
# All the others need it.
case " ${words[*]} " in "  " | *" installed "*) ;; *) words=(installed "${words[@]}") ;; esac
uname -r
run_scenarios
