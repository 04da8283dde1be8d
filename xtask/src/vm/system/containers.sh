# Containers of each runtime, killed in their own limit: what the record says of each is held against what
# the runtime says. The rows of the table in docs/runtimes.md are what
# they print.

limits="--memory 24m --memory-swap 24m"
hog="dd if=/dev/zero of=/dev/null bs=200M count=1"

# A root file system of busybox alone.
tiny() {
    [ -e /run/tiny/bin/sh ] && return
    mkdir -p /run/tiny/{bin,etc,proc,sys,dev,tmp,run,var,sbin,usr}
    cp "$(command -v busybox)" /run/tiny/bin/
    local name
    for name in sh dd sleep echo cat; do ln -sf busybox /run/tiny/bin/$name; done
    printf 'ID=tiny\n' >/run/tiny/etc/os-release
    printf 'root:x:0:0:root:/root:/bin/sh\n' >/run/tiny/etc/passwd
    tar -C /run/tiny -cf /run/tiny.tar .
}

# as RUNTIME ID NAME IMAGE UNIT POD: `null` where the runtime has none. Compares with the newest record of
# the cgroup whose path has the word WHERE.
as() {
    local kill=$(killed ".victim.cgroup.path | contains(\"$where\")")
    [ -n "$kill" ] || fail "no record of $where" || return 1
    local said=$(jq -r '.victim | [.container.runtime, .container.id, .container.name, .container.image, .unit, .pod.uid] | map(. // "null") | join(" ")' <<<"$kill")
    echo "$said" >"/run/row.${FUNCNAME[1]}"
    jq -r '.why.summary' <<<"$kill" | cut -c 1-150
    jq -r '.victim.cgroup.path' <<<"$kill"
    [ "$said" = "$*" ] || fail "record:  $said
runtime: $*"
}

podman_image() {
    tiny
    podman image exists tiny:1 || podman import --quiet /run/tiny.tar tiny:1 >/dev/null
}

# podman_run NAME [OPTION…]: the container's id.
podman_run() {
    local name=$1
    shift
    podman_image
    podman $manager run --detach --network none $limits --name "$name" "$@" tiny:1 /bin/$hog
}

container_podman() {
    where=$(podman_run web) || return 1
    as podman "$where" web localhost/tiny:1 "libpod-$where.scope" null
}

container_podman_removed_at_once() {
    where=$(podman_run gone --rm) || return 1
    as podman "$where" gone localhost/tiny:1 "libpod-$where.scope" null
}

container_podman_cgroupfs() {
    local manager=--cgroup-manager=cgroupfs
    where=$(podman_run plain) || return 1
    as podman "$where" plain localhost/tiny:1 null null
}

container_podman_split() {
    podman_image
    systemd-run --quiet --wait --unit=qweb -p Delegate=yes \
        podman run --cgroups split --network none $limits --name qweb tiny:1 /bin/$hog
    where=$(podman inspect --format '{{.Id}}' qweb)
    as podman "$where" qweb localhost/tiny:1 qweb.service null
}

container_podman_pod() {
    podman_image
    local pod=$(podman pod create --infra=false --name shop) || return 1
    where=$(podman_run cart --pod shop) || return 1
    as podman "$where" cart localhost/tiny:1 "libpod-$where.scope" "$pod"
}

# Made from a unit's file, and removed when it ends: what it was called, podman's events say.
container_podman_quadlet() {
    podman_image
    mkdir -p /etc/containers/systemd
    cat >/etc/containers/systemd/quad.container <<EOF
[Container]
Image=localhost/tiny:1
ContainerName=quad
Network=none
PodmanArgs=$limits
Exec=/bin/$hog
EOF
    systemctl daemon-reload
    systemctl start quad
    event() { id=$(podman events --stream=false --filter container=quad --format '{{.ID}}' | head -n 1) && [ -n "$id" ]; }
    local id
    until_ 60 event || fail "podman knows of no container" || return 1
    where=$id
    as podman "$id" quad localhost/tiny:1 quad.service null
}

# Of a user of the system, with a manager of its own. Its storage is in a home, which the sandbox hides.
container_podman_rootless() {
    tiny
    id runner >/dev/null 2>&1 || useradd --create-home --shell /bin/bash runner || return 1
    local uid=$(id -u runner)
    loginctl enable-linger runner
    until_ 60 test -S /run/user/$uid/bus || fail "no manager of the user's" || return 1
    chmod 644 /run/tiny.tar
    as_runner() { runuser -u runner -- env HOME=/home/runner XDG_RUNTIME_DIR=/run/user/$uid DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/$uid/bus "$@"; }
    (cd /home/runner && as_runner podman import --quiet /run/tiny.tar tiny:1) || return 1
    where=$(cd /home/runner && as_runner podman run --detach --network none $limits --name rweb tiny:1 /bin/$hog) || return 1
    as podman "$where" rweb null "libpod-$where.scope" null
}

docker_up() {
    tiny
    systemctl unmask --quiet docker.service docker.socket containerd.service
    systemctl start docker && docker image inspect tiny:1 >/dev/null 2>&1 || docker import /run/tiny.tar tiny:1 >/dev/null
}

# docker_run NAME [OPTION…]
docker_run() {
    local name=$1
    shift
    docker_up || return 1
    docker run --detach --network none $limits --name "$name" "$@" tiny:1 /bin/$hog
}

container_docker() {
    where=$(docker_run dweb) || return 1
    as docker "$where" dweb tiny:1 "docker-$where.scope" null
}

container_docker_elsewhere() {
    where=$(docker_run dshop --cgroup-parent shop.slice) || return 1
    as docker "$where" dshop tiny:1 "docker-$where.scope" null
}

container_containerd() {
    tiny
    systemctl unmask --quiet containerd.service
    systemctl start containerd || return 1
    where=/prod/cweb
    ctr --namespace prod run --rm --rootfs --memory-limit 25165824 /run/tiny cweb /bin/$hog
    as containerd cweb cweb null null null
}

# An image that nspawn takes as a machine.
box() {
    tiny
    rm -rf "/run/boxes/$1"
    mkdir -p /run/boxes
    cp -a /run/tiny "/run/boxes/$1"
}

container_nspawn() {
    box my-box
    systemd-nspawn --quiet --machine my-box --directory /run/boxes/my-box --property MemoryMax=24M \
        --property MemorySwapMax=0 /bin/$hog
    where=machine-my
    as systemd-nspawn my-box my-box null 'machine-my\x2dbox.scope' null
}

container_nspawn_in_its_unit() {
    box kept
    systemd-run --quiet --wait --unit=keeper -p MemoryMax=24M -p MemorySwapMax=0 -p Delegate=yes \
        systemd-nspawn --quiet --keep-unit --machine kept --directory /run/boxes/kept /bin/$hog
    where=keeper.service
    as systemd-nspawn kept kept null keeper.service null
}

container_lxc() {
    tiny
    mkdir -p /run/lxc-boxes
    : >/run/lxc-boxes/config
    lxc-start --name lweb --lxcpath /run/lxc-boxes --rcfile /run/lxc-boxes/config --foreground -s lxc.rootfs.path=dir:/run/tiny -s lxc.uts.name=lweb \
        -s lxc.net.0.type=empty -s lxc.apparmor.profile=unconfined -s lxc.cgroup2.memory.max=24M \
        -s lxc.cgroup2.memory.swap.max=0 -s lxc.init.cmd="/bin/$hog"
    where=lxc.payload.lweb
    as lxc lweb lweb null null null
}

# cri METHOD REQUEST: asks containerd what the kubelet asks, over gRPC; both messages as protobuf's text.
cri() {
    local api=/run/cri/api.proto size
    mkdir -p /run/cri
    # Without what the description says for Go alone.
    [ -e $api ] || sed /gogoproto/d /usr/share/gocode/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto >$api
    protoc --proto_path=/run/cri --encode="runtime.v1.$1Request" $api <<<"$2" >/run/cri/asked || return 1
    size=$(stat --format %s /run/cri/asked)
    { printf "\0\\x$(printf '%02x\\x%02x\\x%02x\\x%02x' $((size >> 24)) $((size >> 16 & 255)) $((size >> 8 & 255)) $((size & 255)))" && cat /run/cri/asked; } >/run/cri/frame
    curl --silent --show-error --http2-prior-knowledge --unix-socket /run/containerd/containerd.sock \
        --header 'content-type: application/grpc' --header 'te: trailers' --data-binary @/run/cri/frame \
        --dump-header /run/cri/head --output /run/cri/answer "http://containerd/runtime.v1.RuntimeService/$1" || return 1
    grep --quiet --ignore-case '^grpc-status: 0' /run/cri/head || fail "$1: $(cat /run/cri/head)" || return 1
    tail --bytes +6 /run/cri/answer | protoc --proto_path=/run/cri --decode="runtime.v1.$1Response" $api
}

# cri_image NAME CHANGE: an image that containerd has for the kubelet.
cri_image() {
    podman import --quiet --change "$2" /run/tiny.tar "$1" >/dev/null || return 1
    podman save --quiet --format docker-archive --output /run/image.tar "$1" || return 1
    ctr --namespace k8s.io images import /run/image.tar >/dev/null || return 1
    rm /run/image.tar
}

# A pod as containerd's CRI plugin makes it of what a kubelet asks; the link to its log is the kubelet's own. There is
# no control plane here.
container_kubernetes() {
    tiny
    systemctl unmask --quiet containerd.service
    systemctl restart containerd || return 1
    cri_image registry.example/pause:1 'CMD ["/bin/sleep", "100000"]' && cri_image registry.example/app:1 'CMD ["/bin/sh"]' || return 1
    local uid=8f3c1d8e-4b7a-4f6e-9d0a-6d1b0c9f2a11 links=/var/log/containers pod box id word
    local slice=kubepods-burstable-pod${uid//-/_}.slice logs=/var/log/pods/shop_web-0_$uid
    pod="metadata { name: \"web-0\" uid: \"$uid\" namespace: \"shop\" } log_directory: \"$logs\"
        linux { cgroup_parent: \"$slice\" security_context { namespace_options { network: NODE } } }"
    known() { box=$(cri RunPodSandbox "config { $pod }" | sed -n 's/^pod_sandbox_id: "\(.*\)"/\1/p') && [ -n "$box" ]; }
    until_ 60 known || fail "no pod: $(cat /run/cri/head)" || return 1
    id=$(cri CreateContainer "pod_sandbox_id: \"$box\" sandbox_config { $pod } config {
        metadata { name: \"app\" } image { image: \"registry.example/app:1\" } log_path: \"app/0.log\"
        $(for word in /bin/$hog; do echo "command: \"$word\""; done)
        linux { resources { memory_limit_in_bytes: 25165824 memory_swap_limit_in_bytes: 25165824 } } }" |
        sed -n 's/^container_id: "\(.*\)"/\1/p')
    [ -n "$id" ] || fail "no container: $(cat /run/cri/head)" || return 1
    mkdir -p $links "$logs/app"
    ln -sf "$logs/app/0.log" "$links/web-0_shop_app-$id.log"
    cri StartContainer "container_id: \"$id\"" || return 1
    where=cri-containerd-$id.scope
    as containerd "$id" app registry.example/app:1 "$where" "$uid" || return 1
    local told=$(killed ".victim.cgroup.path | contains(\"$where\")" | jq -r '.victim.pod | "\(.namespace)/\(.name)/\(.container) \(.qos)"')
    [ "$told" = "shop/web-0/app burstable" ] || fail "the pod is told as $told" || return 1
    # As the runtime itself tells it, once it has seen the end. That it was for want of memory containerd hears from
    # elsewhere, and misses if the end comes first.
    ended() { cri ContainerStatus "container_id: \"$id\"" >/run/ended && grep --quiet 'exit_code: 137' /run/ended; }
    until_ 30 ended || fail "containerd says: $(cat /run/ended)" || return 1
    grep 'reason:' /run/ended
}

containers=(
    container_podman container_podman_removed_at_once container_podman_cgroupfs container_podman_split
    container_podman_pod container_podman_quadlet container_podman_rootless container_docker container_docker_elsewhere container_containerd container_nspawn
    container_nspawn_in_its_unit container_lxc container_kubernetes
)
