use super::*;

const USUAL: Redactor = Redactor { tells: true, usual: true, patterns: Vec::new() };

/// `|` stands between arguments.
fn redacted(redactor: &Redactor, line: &str, cut: bool) -> String {
    let bytes = line.replace('|', "\0");
    let argv = redactor.argv(bytes.as_bytes(), cut).unwrap();
    argv.iter().map(KernelText::to_utf8).collect::<Vec<_>>().join("|")
}

fn with(patterns: &[&str]) -> Redactor {
    let patterns = patterns.iter().map(|pattern| pattern.parse().unwrap()).collect();
    Redactor { tells: true, usual: false, patterns }
}

/// Command lines, and what is left of them: `*` stands for what is left out.
const SECRET: &[(&str, &str)] = &[
    ("mysql|--password=x y&z,a", "mysql|--password=*"),
    ("mysql|--password|x|db", "mysql|--password|*|db"),
    ("a|-password|x", "a|-password|*"),
    ("a|--db-passwd=x", "a|--db-passwd=*"),
    ("a|--passphrase|correct horse", "a|--passphrase|*"),
    ("a|--client-secret=x|--client-id=y", "a|--client-secret=*|--client-id=y"),
    ("a|--token|-x1y2z3", "a|--token|*"),
    ("a|--accessToken=x", "a|--accessToken=*"),
    ("a|--api-key|x|--apikey=x|--api_key=x", "a|--api-key|*|--apikey=*|--api_key=*"),
    ("a|--apiKey=x|--APIKey|x", "a|--apiKey=*|--APIKey|*"),
    ("a|--access-key-id=AKIA0|--secret-key=x", "a|--access-key-id=*|--secret-key=*"),
    ("a|--private-key=x|--auth-key|x", "a|--private-key=*|--auth-key|*"),
    ("a|--credentials|u:p", "a|--credentials|*"),
    ("a|--auth|u:p|--basic-auth=u:p", "a|--auth|*|--basic-auth=*"),
    (
        "java|-Djavax.net.ssl.keyStorePassword=x|Main",
        "java|-Djavax.net.ssl.keyStorePassword=*|Main",
    ),
    ("java|--spring.datasource.password=x", "java|--spring.datasource.password=*"),
    ("redis-server|--requirepass|x|--masterauth|x", "redis-server|--requirepass|*|--masterauth|*"),
    ("env|DB_PASSWORD=x|PGPASSWORD=x y|a", "env|DB_PASSWORD=*|PGPASSWORD=*|a"),
    ("env|AWS_SECRET_ACCESS_KEY=x|GITHUB_TOKEN=x", "env|AWS_SECRET_ACCESS_KEY=*|GITHUB_TOKEN=*"),
    (
        "docker|run|-e|API_KEY=x|--env=DB_PASSWORD=x y",
        "docker|run|-e|API_KEY=*|--env=DB_PASSWORD=*",
    ),
    ("helm|--set|a=b,auth.password=x;y,c=d", "helm|--set|a=b,auth.password=*,c=d"),
    ("mount|-o|username=u,password=p,ro=1", "mount|-o|username=u,password=*,ro=1"),
    ("a|postgres://u:p@h:5432/db?x=1", "a|postgres://u:*@h:5432/db?x=1"),
    (
        "a|--url=redis://:p@h/0|http://a:b@c,http://d:e@f",
        "a|--url=redis://:*@h/0|http://a:*@c,http://d:*@f",
    ),
    ("a|amqp://u:p/#?@h/v", "a|amqp://u:*@h/v"),
    ("a|--db=mongodb://u:p@a@h:1,h:2/x", "a|--db=mongodb://u:*@h:1,h:2/x"),
    ("psql|host=h password=p q dbname=d", "psql|host=h password=* q dbname=d"),
    ("a|https://h/x?token=t&user=u", "a|https://h/x?token=*&user=u"),
    ("a|Server=h;User=u;Password=p;q;Port=1", "a|Server=h;User=u;Password=*;Port=1"),
    ("curl|-H|Authorization: Bearer x|u", "curl|-H|Authorization: Bearer *|u"),
    ("curl|-H|authorization:Basic eA==", "curl|-H|authorization:Basic *"),
    ("curl|-HAuthorization: x y", "curl|-HAuthorization: *"),
    (
        "curl|--header=Proxy-Authorization: Digest username=\"u\"",
        "curl|--header=Proxy-Authorization: Digest *",
    ),
    ("curl|-H|X-Api-Key: x|-H|Accept: y", "curl|-H|X-Api-Key: *|-H|Accept: y"),
    ("sh|-c|curl -H \"Authorization: Bearer x\" u", "sh|-c|curl -H \"Authorization: Bearer *\" u"),
    ("sh|-c|mysql --password=x -h h", "sh|-c|mysql --password=* -h h"),
    ("sh|-c|mysql --password 'x y' -h h", "sh|-c|mysql --password '*' -h h"),
    ("sh|-c|exec a --token x --b", "sh|-c|exec a --token * --b"),
    ("sh|-c|export A=1 DB_PASSWORD=\"x y\"; a", "sh|-c|export A=1 DB_PASSWORD=\"*\"; a"),
    (
        "a|{\"user\":\"u\",\"password\":\"p,q\",\"n\":1}",
        "a|{\"user\":\"u\",\"password\":\"*\",\"n\":1}",
    ),
    (
        "a|{\\\"token\\\": \\\"t\\\\u\\\", \\\"n\\\": 1}",
        "a|{\\\"token\\\": \\\"*\\\", \\\"n\\\": 1}",
    ),
    ("a|user: u\npassword: p q\nn: 1", "a|user: u\npassword: *\nn: 1"),
    ("a|--pass|x|--pass=y|--db-pass|z", "a|--pass|*|--pass=*|--db-pass|*"),
    ("env|DB_PASS=x|SMTP_PWD=y|a", "env|DB_PASS=*|SMTP_PWD=*|a"),
    ("a|--license-key|x|--licence-key=y", "a|--license-key|*|--licence-key=*"),
    ("env|NEW_RELIC_LICENSE_KEY=x|a", "env|NEW_RELIC_LICENSE_KEY=*|a"),
    ("a|--encryption-key=x|--account-key|y", "a|--encryption-key=*|--account-key|*"),
    ("curl|--cookie|sid=1; a=2|u", "curl|--cookie|*|u"),
    ("curl|-H|Cookie: sid=1; a=2|u", "curl|-H|Cookie: *|u"),
    ("beam.smp|-setcookie|x|-name|a@b", "beam.smp|-setcookie|*|-name|a@b"),
    ("a|eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl|b", "a|*|b"),
    ("a|x=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln,y=1", "a|x=*,y=1"),
    ("a|ghp_0123456789abcdefghij0123456789abcdef", "a|*"),
    ("redis-cli|-h|h|-a|x|ping", "redis-cli|-h|h|-a|*|ping"),
    ("curl|-u|me:x|u", "curl|-u|me:*|u"),
    ("/usr/bin/curl|-ume:x|--user|me:y|u", "/usr/bin/curl|-ume:*|--user|me:*|u"),
    ("curl|--proxy-user|me:x|--user=me:y|u", "curl|--proxy-user|me:*|--user=me:*|u"),
    ("mysql|-u|root|-px|db", "mysql|-u|root|-p*|db"),
    ("mysqldump|-uroot|-px y|db", "mysqldump|-uroot|-p*|db"),
    ("sshpass|-p|x|ssh|h", "sshpass|-p|*|ssh|h"),
    ("sshpass|-px|ssh|h", "sshpass|-p*|ssh|h"),
    ("docker|login|-u|me|-p|x|h", "docker|login|-u|me|-p|*|h"),
    ("sudo|-u|me|mongodump|-p|x", "sudo|-u|me|mongodump|-p|*"),
    ("ldapsearch|-w|x|-D|cn=a", "ldapsearch|-w|*|-D|cn=a"),
    ("smbclient|//h/s|-U|me%x", "smbclient|//h/s|-U|me%*"),
    ("openssl|rsa|-passin|pass:x|-in|k", "openssl|rsa|-passin|pass:*|-in|k"),
    ("7z|a|-px|f.7z", "7z|a|-p*|f.7z"),
    ("sh|-c|curl -u me:x u | mysql -px db", "sh|-c|curl -u me:* u | mysql -p* db"),
    ("sh|-c|cd /x && redis-cli -a x get k", "sh|-c|cd /x && redis-cli -a * get k"),
    ("a|me:x@db.example.org/shop", "a|me:*@db.example.org/shop"),
    ("a|--dsn=me:x@tcp(127.0.0.1:3306)/db", "a|--dsn=me:*@tcp(127.0.0.1:3306)/db"),
];

/// Command lines without a secret.
const PLAIN: &[&str] = &[
    "a|--tokenizer|fast|--tokenizer=fast",
    "a|--passive|x|-p|x|--pass-through|y",
    "a|--no-password|x|--skip-auth|y|--enable-token-auth=true",
    "a|--password-file|/x|--password-file=/x|--token-path=/y|PASSWORD_FILE=/run/x",
    "a|--password-stdin|registry|--token-ttl|5m|--auth-mode=none|--auth-type|ldap",
    "a|--author|me|--authority=x|--authenticate|y|--secretary|z",
    "vllm|--max-tokens|512|--max-num-batched-tokens=8192",
    "env|ALLOW_EMPTY_PASSWORD=yes|MYSQL_ALLOW_EMPTY_PASSWORD=yes|PATH=/bin",
    "a|--password|--verbose|--token|-v|--secret",
    "a|--password=|--token",
    "docker|run|registry/auth:1.2|my-token:latest|https://h:8080/a@b|http://[::1]:80/@",
    "ssh|user@host|git@github.com:a/b|https://user@h/x",
    "kubectl|get|secret|my-secret|-o|yaml|/run/secrets/password",
    "sh|-c|echo $TOKEN ${PASSWORD:-x} | wc",
    "mysql|--password|-h|h",
    "sh|-c|mysql --password -h h",
    "java|-Xmx512m|-Dkey=value|-XX:+UseG1GC|Main",
    "a|--password-file|/path|--cookie-policy|strict|--cookie-jar|/j|--cookies|/c",
    "a|--bypass|x|--compass=n|--license-file=/x|--license|MIT|--keyboard|us|--pass-through",
    "env|PWD=/home/me|OLDPWD=/|a",
    "mysql|-p|db|-P|3306|-u|root",
    "cp|-p|a|b|mkdir|-p|/x|ps|-u|me:you|docker|run|-p|80:80|-u|1000:1000|i",
    "curl|-u|me|-p|u",
    "redis-cli|--raw|-n|1|get|a",
    "docker|pull|r:5000/a/b:1.2@sha256:0123|mailto:me@example.org|npm:left-pad@1.3.0",
    "ssh|-p|22|me@h|scp|h:/a@b|c|git|clone|git@h:a/b.git",
    "a|eyJ|eyJhbGciOiJIUzI1NiJ9|eyJ.a.b|keyJournal.x.y|12:30@noon",
    "sh|-c|mkdir -p /x && cp -p a b; tar -p x",
    "a||b|",
    "",
];

#[test]
fn the_usual_secrets_are_left_out() {
    for (line, left) in SECRET {
        assert_eq!(redacted(&USUAL, line, false), left.replace('*', "[redacted]"), "{line}");
    }
}

#[test]
fn what_is_no_secret_stays() {
    for line in PLAIN {
        // An argument ends with its NUL.
        let stays = line.strip_suffix('|').unwrap_or(line);
        assert_eq!(redacted(&USUAL, line, false), stays, "{line}");
    }
}

#[test]
fn the_end_that_is_missing_may_have_been_a_secrets_sign() {
    assert_eq!(redacted(&USUAL, "a|redis://u:se", true), "a|redis://u:[redacted]");
    assert_eq!(redacted(&USUAL, "a|redis://u:se", false), "a|redis://u:se");
    assert_eq!(redacted(&USUAL, "a|http://h:80|", true), "a|http://h:80");
    assert_eq!(redacted(&USUAL, "a|--password|se", true), "a|--password|[redacted]");
    assert_eq!(redacted(&USUAL, "a|--passwo", true), "a|--passwo");
    let jwt = "a|eyJhbGciOiJIUzI1NiJ9.eyJzdWIi";
    assert_eq!(redacted(&USUAL, jwt, true), "a|[redacted]");
    assert_eq!(redacted(&USUAL, "curl|-u|me:se", true), "curl|-u|me:[redacted]");
}

#[test]
fn a_title_is_one_argument() {
    let argv = |bytes: &[u8]| USUAL.argv(bytes, true).unwrap();
    assert_eq!(argv(b"nginx: worker process\0\0\0\0"), ["nginx: worker process".into()]);
    assert_eq!(argv(b"grep\0\0"), ["grep".into(), "".into()]);
    assert_eq!(argv(b"a\0\0\0b"), ["a".into(), "".into(), "".into(), "b".into()]);
    assert_eq!(argv(b""), []);
}

#[test]
fn a_pattern_takes_out_what_it_matches_or_its_secret() {
    let card = with(&[r"\d{4}-\d{4}"]);
    assert_eq!(redacted(&card, "a|--card=1234-5678x|b", false), "a|--card=[redacted]x|b");
    let group = with(&["--pin=(?P<secret>[0-9]+)|never"]);
    assert_eq!(redacted(&group, "a|--pin=77|never", false), "a|--pin=[redacted]|never");
    let each = with(&["[ab]", "(?i)B+C?"]);
    assert_eq!(redacted(&each, "abbcd|xBC", false), "[redacted]d|x[redacted]");
    // Matches of nothing are none.
    assert_eq!(redacted(&with(&["x*"]), "ab|xx", false), "ab|[redacted]");
    let beyond = Redactor { usual: true, ..with(&["red|se"]) };
    assert_eq!(redacted(&beyond, "--token=t|use", false), "--token=[redacted]|u[redacted]");
}

/// A secret does not end where its bytes are no text.
#[test]
fn a_pattern_is_of_bytes() {
    let pin = with(&[r"(?i)PIN=(?P<secret>\S+)", "né"]);
    let told = pin.argv(b"pin=a\xffb\0n\xc3\xa9e\0", false).unwrap();
    assert_eq!(told, ["pin=[redacted]".into(), "[redacted]e".into()]);
    assert!("[é]".parse::<Pattern>().unwrap_err().to_string().contains("Unicode not allowed here"));
}

#[test]
fn nothing_is_taken_out_unasked() {
    let line = "a|--password|x|--token=y|redis://u:p@h";
    assert_eq!(redacted(&with(&[]), line, false), line);
}

#[test]
fn arguments_are_not_told_if_they_are_not_to_be() {
    assert_eq!(Redactor { tells: false, ..USUAL }.argv(b"a\0", false), None);
}

#[test]
fn a_bad_pattern_says_where() {
    let error = "a(b".parse::<Pattern>().unwrap_err().to_string();
    assert!(error.contains("a(b\n     ^\nerror: unclosed group"), "{error}");
}

#[test]
fn any_bytes_will_do() {
    let redactor = Redactor { usual: true, ..with(&["é|x+", "(?P<secret>b)?"]) };
    let pieces: [&[u8]; 25] = [
        b"curl",
        b"-u",
        b"mysql -p",
        b"eyJhbGciOiJIUzI1NiJ9.",
        b"ghp_",
        b"--password",
        b"token",
        b"=",
        b":",
        b"://",
        b"@",
        b"\"",
        b"'",
        b"\\",
        b" ",
        b"\0",
        b",",
        b"&",
        b"\xff",
        b"\xc3\xa9",
        b"\n",
        b"-",
        b"Authorization",
        b"Bearer ",
        b"x",
    ];
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..4_000 {
        let len = random.usize(..12);
        let bytes: Vec<u8> =
            (0..len).flat_map(|_| random.choice(pieces).unwrap_or_default().to_vec()).collect();
        for cut in [false, true] {
            assert!(redactor.argv(&bytes, cut).is_some());
        }
    }
}
