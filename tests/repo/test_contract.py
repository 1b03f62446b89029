"""Contracts of applications: their keys, the derived configuration, and the messages about mistakes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from contract import schema
from contract.check import documented
from contract.derived import derive
from contract.environment import fill
from contract.errors import ContractError
from contract.files import check_syntax, listed, read
from tests.support.contracts import HOUSE, refusal, shell, shop

ROOT = Path(__file__).parents[2]


def test_a_schema_brings_two_roles_and_their_passwords() -> None:
    derived = derive([HOUSE, shop("x-landfast: {database: {schemas: {shop: {}}}}")])

    assert derived.contents["postgres.roles.csv"] == "role,member_of\nshop,\nshop_owner,\n"
    assert derived.contents["postgres.schemas.csv"] == "schema,owner,user\nshop,shop_owner,shop\n"
    assert set(derived.declared) == {"postgres_shop_password", "postgres_shop_owner_password"}
    assert derived.consumers["postgres"]["shop_owner"] == "postgres_shop_owner_password"


def test_a_role_may_have_the_rights_of_others() -> None:
    one = shop("x-landfast: {database: {schemas: {a: {user: ''}, b: {}}, roles: {both: {member_of: [a_owner, b]}}}}")

    assert (
        derive([HOUSE, one]).contents["postgres.roles.csv"].partition("\n")[2]
        == "a_owner,\nb,\nb_owner,\nboth,a_owner\nboth,b\n"
    )


def test_a_database_of_its_own_has_one_role_that_owns_it() -> None:
    one = shop("x-landfast: {database: {databases: {shop: {extensions: [citext, pg_trgm]}, more: {owner: both}}}}")

    derived = derive([HOUSE, one])

    assert (
        derived.contents["postgres.databases.csv"]
        == "database,owner,extensions\nshop,shop,citext pg_trgm\nmore,both,\n"
    )
    assert set(derived.declared) == {"postgres_shop_password", "postgres_both_password"}


def test_a_user_may_do_all_in_a_vhost_of_its_own() -> None:
    one = shop("x-landfast: {broker: {vhosts: {shop: {queue_type: classic}}, users: {shop: {vhost: shop}}}}")

    users = json.loads(derive([HOUSE, one]).contents["rabbitmq.users.json"])

    assert users["vhosts"] == [{"name": "shop", "metadata": {"default_queue_type": "classic"}}]
    assert users["permissions"] == [
        {"vhost": "shop", "user": "shop", "configure": ".*", "write": ".*", "read": ".*"},
        {"vhost": "shop", "user": "console", "configure": "^$", "write": "^$", "read": "^$"},
    ]


def test_a_user_of_the_broker_may_nothing_that_is_not_granted() -> None:
    derived = derive([HOUSE, shop('x-landfast: {broker: {users: {shop: {write: "^shop$", tags: [monitoring]}}}}')])

    users = json.loads(derived.contents["rabbitmq.users.json"])
    assert users["users"] == [{"name": "shop", "tags": ["monitoring"]}]
    assert users["permissions"] == [
        {"vhost": "landfast", "user": "shop", "configure": "^$", "write": "^shop$", "read": "^$"}
    ]
    assert derived.consumers["rabbitmq"] == {"shop": "rabbitmq_shop_password", "users.json": "rabbitmq.users.json"}


SHOP = """
x-landfast:
  http:
    hosts: [shop.localhost, www.shop.localhost]
    locations:
      /: {service: "shop:8000", largest_body: 20m, websocket: true}
      /api/: {service: "shop-api:3031", protocol: uwsgi, errors: problem, security_headers: true}
    programs: [/api/]
services: {shop: {}, shop-api: {}}
"""


def test_an_application_with_names_of_its_own_is_a_server_of_its_own() -> None:
    derived = derive([HOUSE, replace(shop(SHOP), extra="location = /x { return 404; }\n")])
    contents = derived.contents

    assert contents["nginx.locations.conf"].endswith("location = / {\n    return 302 /console/;\n}\n"), (
        "no application is at the stack's own address"
    )
    assert (
        contents["nginx.servers.conf"].partition("\n\n")[2]
        == """\
server {
    server_name shop.localhost www.shop.localhost;
    include snippets/server.conf;

    # services/shop/compose.yaml
    location / {
        set $place shop:8000;
        set $policy "application";
        client_max_body_size 20m;
        set $websocket on;
        proxy_read_timeout 1h; # longer silence is a fault
        proxy_pass http://$place;
        include snippets/proxy-headers.conf;
        error_page 502 504 =503 /pages/503.html;
        error_page 413 /pages/413.$refused_as;
        error_page 429 /pages/429.$refused_as;
    }
    location = /api {
        return 308 /api/;
    }
    location /api/ {
        set $place shop-api:3031;
        set $policy "";
        uwsgi_pass $place;
        include snippets/uwsgi-headers.conf;
        error_page 502 504 =503 /pages/503.problem;
        error_page 413 /pages/413.problem;
        error_page 429 /pages/429.problem;
    }

    include /run/secrets/shop.nginx.extra;
}
"""
    )
    assert contents["nginx.shop.nginx.extra"] == "location = /x { return 404; }\n"
    assert derived.consumers["nginx"]["shop.nginx.extra"] == "nginx.shop.nginx.extra"
    assert contents["nginx.programs.conf"].splitlines()[1:] == [r'"~^(:\S+ )?/api[/?: ]" problem;']


def test_an_application_without_a_name_answers_at_the_stack_s_own_address() -> None:
    contents = derive([HOUSE, shop(SHOP.replace("    hosts: [shop.localhost, www.shop.localhost]\n", ""))]).contents

    assert "location /api/ {" in contents["nginx.locations.conf"]
    assert contents["nginx.servers.conf"].count("\n") == 1


def test_two_applications_cannot_answer_at_the_same_place() -> None:
    one = shop(SHOP)
    other = shop(
        SHOP.replace('{service: "shop', '{service: "other').replace("shop: {}, shop-api", "other: {}, other-api")
    )

    with pytest.raises(ContractError, match=r"other: shop\.localhost is in services/shop/compose\.yaml already"):
        derive([HOUSE, one, replace(other, file="other")])


@pytest.mark.parametrize(
    ("says", "said"),
    [
        (
            "http: {locations: {/console/login/: {service: 'shop:80'}}}",
            "/console/login/: the house answers at this path",
        ),
        (
            "http: {locations: {/: {service: 'shop:80', protocol: uwsgi, websocket: true}}}",
            "websocket: the protocol uwsgi has no WebSockets",
        ),
        (
            "broker: {vhosts: {landfast: {queue_type: classic}}}",
            "shop/compose.yaml: broker.vhosts: landfast is the vhost of durable tasks",
        ),
        (
            "database: {databases: {landfast: {}}}",
            "shop/compose.yaml: database.databases: landfast is the shared database's name",
        ),
        ("readiness: {postgres: {service: 'shop:80'}}", "the house reports under this name"),
        ("readiness: {shop: {service: 'shp:80'}}", "this file has no service shp; did you mean shop?"),
        ("readiness: {shop: {queue: a, vhost: landfst}}", "no contract has a vhost landfst; did you mean landfast?"),
        (
            "readiness: {shop: {queue: a, service: 'shop:80'}}",
            "must have a service (with protocol and path) or a queue",
        ),
    ],
)
def test_nobody_takes_or_breaks_what_the_house_has(says: str, said: str) -> None:
    with pytest.raises(ContractError) as caught:
        derive([HOUSE, shop(f"x-landfast: {{{says}}}\nservices: {{shop: {{}}}}")])

    assert said in str(caught.value)


def test_the_console_asks_what_contracts_say_and_nginx_asks_the_pages() -> None:
    text = "{page: {service: 'shop:80', path: '/h?x=1', protocol: uwsgi}, work: {queue: celery}}"
    one = shop(f"x-landfast: {{http: {{hosts: [a.localhost]}}, readiness: {text}}}\nservices: {{shop: {{}}}}")

    contents = derive([HOUSE, one]).contents

    asked = {"page": {}, "work": {"queue": "celery", "vhost": "landfast"}}
    assert json.loads(contents["console.readiness.json"]) == asked
    assert "set $checked_host a.localhost;" in contents["nginx.readiness.conf"]
    assert 'set $checked_page /h;\n    set $checked_query "x=1";' in contents["nginx.readiness.conf"]
    assert "work" not in contents["nginx.readiness.conf"]


@pytest.mark.parametrize(
    ("hosts", "laptop", "servers"),
    [
        ("[a.localhost, a.example]", "a.localhost", "a.example"),
        ("[a.localhost]", "a.localhost", "a.localhost"),
        ("[]", "127.0.0.1", "127.0.0.1"),
    ],
)
def test_nginx_asks_an_application_at_its_own_address(hosts: str, laptop: str, servers: str) -> None:
    needs = f"{{http: {{hosts: {hosts}}}, readiness: {{a: {{service: 'shop:80'}}}}}}"
    one = shop(f"x-landfast: {needs}\nservices: {{shop: {{}}}}")

    for on_servers, asked in ((False, laptop), (True, servers)):
        contents = derive([HOUSE, one], on_servers=on_servers).contents
        assert f"set $checked_host {asked};" in contents["nginx.readiness.conf"]


PRODUCT = """
x-landfast:
  secrets: {key: {}}
  database: {databases: {shop: {}}}
  broker: {vhosts: {shop: {}}, users: {shop: {vhost: shop}}}
  redis: {users: {shop: {}}}
services:
  shop-web:
    x-environment:
      REDIS_URL: "{redis.url}"
      CACHE_URL: "{redis.cache.url}"
      WHERE: "{redis.user}@{redis.host}:{redis.port} {redis.cache.host}"
      DATABASE_URL: "{database.url}"
      BROKER_URL: "{broker.url}?heartbeat=30"
      WHO: "{database.user}@{database.host}:{database.port}/{broker.vhost}"
      OWN: 'it''s {secret.key} {"json": 1}'
"""


def test_variables_are_filled_in_where_the_secrets_are() -> None:
    derived = derive([HOUSE, shop(PRODUCT)])
    values = {"postgres_shop_password": "p@ss/w:rd", "rabbitmq_shop_password": "plain", "key": "it's $HOME `x` \\"}
    values |= {"redis_shop_password": "#'?%"}

    content = fill(derived.contents["shop-web.with-environment"], lambda name: values[name])

    assert not [value for value in values.values() if value in derived.contents["shop-web.with-environment"]]
    assert shell(content, "DATABASE_URL", "BROKER_URL", "WHO", "OWN") == [
        "postgresql://shop:p%40ss%2Fw%3Ard@postgres:5432/shop",
        "amqp://shop:plain@rabbitmq:5672/shop?heartbeat=30",
        "shop@postgres:5432/shop",
        "it's it's $HOME `x` \\ {\"json\": 1}",
    ]
    assert shell(content, "REDIS_URL", "CACHE_URL", "WHERE") == [
        "redis://shop:%23%27%3F%25@redis:6379/0",
        "redis://shop:%23%27%3F%25@redis-cache:6379/0",
        "shop@redis:6379 redis-cache",
    ]
    assert derived.consumers["shop-web"] == {"with-environment": "shop-web.with-environment"}


SEVERAL = """
x-landfast:
  database: {databases: {shop: {}, books: {owner: clerk}}, schemas: {shared: {}}}
  broker: {vhosts: {a: {}}, users: {shop: {vhost: a}, clerk: {vhost: a}}}
  redis: {users: {shop: {}, clerk: {servers: [cache]}}}
services: {shop: {x-environment: {A: "%s"}}}
"""


@pytest.mark.parametrize(
    ("placeholder", "value"),
    [
        ("database.shop.url", "postgresql://shop:x@postgres:5432/shop"),
        ("database.books.url", "postgresql://clerk:x@postgres:5432/books"),
        ("database.books.user", "clerk"),
        ("database.shared.url", "postgresql://shared:x@postgres:5432/own"),
        ("database.shared_owner.name", "own"),
        ("broker.clerk.url", "amqp://clerk:x@rabbitmq:5672/a"),
        ("redis.url", "redis://shop:x@redis:6379/0"),  # the only one there
        ("redis.shop.db", "0"),
        ("redis.cache.clerk.url", "redis://clerk:x@redis-cache:6379/0"),
    ],
)
def test_one_of_several_logins_is_named(placeholder: str, value: str) -> None:
    contents = derive([HOUSE, shop(SEVERAL % f"{{{placeholder}}}")]).contents

    assert shell(fill(contents["shop.with-environment"], lambda _: "x"), "A", given={"POSTGRES_DB": "own"}) == [value]


def test_a_schema_s_user_has_the_shared_database() -> None:
    text = "x-landfast: {database: {schemas: {shop: {}}}}\nservices: {shop: {x-environment: {A: '{database.url}'}}}"
    script = fill(derive([HOUSE, shop(text)]).contents["shop.with-environment"], lambda _: "x")

    assert shell(script, "A", given={"POSTGRES_DB": "own"}) == ["postgresql://shop:x@postgres:5432/own"]


def test_a_variable_called_like_the_shared_database_s_leads_no_other_one_elsewhere() -> None:
    needs = "x-landfast: {database: {schemas: {shop: {}}, databases: {shop2: {}}}}"
    text = '{POSTGRES_DB: "{database.shop2.name}", A: "{database.shop.url}"}'
    contract = shop(f"{needs}\nservices: {{shop: {{x-environment: {text}}}}}")
    script = fill(derive([HOUSE, contract]).contents["shop.with-environment"], lambda _: "x")

    assert shell(script, "POSTGRES_DB", "A", given={"POSTGRES_DB": "own"}) == [
        "shop2",
        "postgresql://shop:x@postgres:5432/own",
    ]


def test_a_secret_s_length_may_be_chosen_even_if_it_is_derived() -> None:
    derived = derive(
        [
            HOUSE,
            shop("x-landfast: {secrets: {postgres_shop_password: {length: 64}}, database: {schemas: {shop: {}}}}"),
        ]
    )

    assert derived.declared["postgres_shop_password"] == {"length": 64}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x-landfast: {databse: {}}", "x-landfast: unknown key 'databse'; did you mean database?"),
        ("x-landfast: {database: {schemas: {shop: {ownr: me}}}}", "did you mean owner?"),
        ("x-landfast: {zzz: 1}", "unknown key 'zzz'; known keys: http, readiness, secrets"),
        ("x-landfast: {http: {hosts: [Shop_1]}}", "'Shop_1' must have the form"),
        ("x-landfast: {http: {locations: {/a: {}}}}", "'/a' must have the form"),
        ('x-landfast: {http: {locations: {/: {service: "x; }"}}}}', "must have the form"),
        ('x-landfast: {http: {locations: {/: {service: "other:80"}}}}', "service: this file has no service other"),
        ("x-landfast: {http: {locations: {/: {}}}}", "service is missing: a service of this file and its port"),
        ("x-landfast: {broker: {users: {shop: {vhost: other}}}}", "no contract has a vhost other"),
        ("x-landfast: {broker: {vhosts: {shop: {queue_type: stream}}}}", "'stream' must be quorum or classic"),
        ("x-landfast: {broker: {vhosts: {shop: {queue_type: Clasic}}}}", "'Clasic' must be quorum or classic; did you"),
        ("x-landfast: {redis: {users: {shop: {servers: [cahce]}}}}", "must be state or cache; did you mean cache?"),
        ("x-landfast: {http: {hosts: [a.localhost, a.localhost]}}", "hosts: 'a.localhost' is in the list twice"),
        ("x-landfast: {}", "x-landfast is empty; remove it, or give it one of http, readiness,"),
        ("x-landfast:", "x-landfast is empty"),
        ("x-landfast: {durable_tasks: {}}", "durable_tasks is empty; remove it, or give it one of database, vhost,"),
        ("x-landfast: {database: {schemas: }}", "schemas is empty; remove it, or give it a name"),
        ("x-landfast: {database: {databases: {shop: {extensions: ['a b']}}}}", "'a b' must have the form"),
        ("x-landfast: {database: {roles: {postgres: {}}}}", "'postgres' must have the form"),
        (
            'services: {shop: {x-environment: {A: "{databse.url}"}}}',
            "{databse.url}; known: public_url, smtp.host, ",
        ),
        (PRODUCT.replace("database.url", "databse.url"), "did you mean {database.url}?"),
        (
            SEVERAL % "{database.url}",
            "several; write {database.shared.url} or {database.shared_owner.url} or {database.shop.url} or {",
        ),
        (SEVERAL % "{broker.url}", "{broker.url}; the contract has several; write {broker.shop.url} or {broker.clerk"),
        (
            PRODUCT.replace("redis: {users: {shop: {}}}", "backup: {without: []}"),
            "placeholder {redis.url}; it requires redis.users with the server state: redis: {users: {shop: {}}}",
        ),
        (
            PRODUCT.replace("redis: {users: {shop: {}}}", "redis: {users: {shop: {servers: [cache]}}}"),
            "requires redis.users with the server state: redis: {users: {shop: {}}}; did you mean {redis.cache.url}?",
        ),
        (
            PRODUCT.replace("{broker.url}", "{hosts}"),
            "{hosts}; it requires http.hosts: http: {hosts: [shop.localhost]}",
        ),
        (PRODUCT.replace("{broker.url}", "{broker.url"), "BROKER_URL: {broker.url must be written {broker.url}"),
        (PRODUCT.replace("{broker.url}", "{ broker.url }"), "{ broker.url } must be written {broker.url}"),
        (PRODUCT.replace("{broker.url}", "{Broker.Url}"), "{Broker.Url} must be written {broker.url}"),
        (PRODUCT.replace("{broker.url}", "{{broker.url}}"), "{{broker.url}} must be written {broker.url}"),
        (PRODUCT.replace("{broker.url}?heartbeat=30", "{public_url"), "{public_url must be written {public_url}"),
        (PRODUCT.replace("secret.key", "secret.keys"), "did you mean {secret.key}?"),
        ("services: {shop: {x-environment: {A: 1}}}", "must be a string, not 1"),
        ("services: {shop: {x-environment: {A-B: x}}}", "'A-B' must have the form"),
        ("x-landfast: {database: {schemas: {Shop: {}}}}", "'Shop' must have the form"),
        ('x-landfast: {database: {schemas: {"a\'; DROP": {}}}}', "must have the form"),
        ("x-landfast: {database: {roles: {shop: {member_of: [nobody]}}}}", "no contract has a role nobody"),
        ("x-landfast: {database: {roles: {web: {}, shop: {member_of: [wen]}}}}", "a role wen; did you mean web?"),
        ("x-landfast: {broker: {users: {shop: {vhost: landfsat}}}}", "a vhost landfsat; did you mean landfast?"),
        ("x-landfast: {database: {roles: {shop: {member_of: web}}}}", "must be a list, not 'web'"),
        ("x-landfast: {secrets: {key: {length: long}}}", "must be a whole number, not 'long'"),
        ("x-landfast: {secrets: {key: {length: true}}}", "must be a whole number, not True"),
        ("x-landfast: {secrets: {key: {optional: 1}}}", "must be true or false, not 1"),
        ("x-landfast: [database]", "x-landfast must be a mapping"),
        ("services: {shop: {x-secrets: {password: other}}}", "no contract has a secret other"),
        (
            "x-landfast: {secrets: {key: {}}}\nservices: {shop: {x-secrets: {key: kye}}}",
            "services.shop.x-secrets: no contract has a secret kye; did you mean key?",
        ),
        ("services: {shop: {x-secrets: {../password: key}}}", "'../password' must have the form"),
        ("services: {shop: {x-secrets: [key]}}", "services.shop.x-secrets must be a mapping"),
        (
            "x-landfast: {database: {schemas: {shop: {owner: shop}}}}",
            "services/shop/compose.yaml: shop is in services/shop/compose.yaml already",
        ),
    ],
)
def test_what_nothing_reads_is_refused_by_name(text: str, said: str) -> None:
    assert said in refusal(text)


def test_all_faults_of_a_contract_are_told_at_once() -> None:
    assert len(refusal("x-landfast: {databse: {}, brokr: {}}").splitlines()) == 2


@pytest.mark.parametrize(
    ("value", "said"),
    [("${FOO:-bar}", "Compose fills in no ${...} here; set the variable in `environment`"), ("5", "")],
)
def test_a_variable_of_compose_is_refused_where_nothing_fills_it_in(value: str, said: str) -> None:
    text = f"services: {{shop: {{x-environment: {{A: '{value}'}}}}}}"

    if said:
        assert said in refusal(text)
    else:
        assert derive([HOUSE, shop(text)])


def test_characters_that_look_like_a_variable_of_compose_may_be_written() -> None:
    script = derive([HOUSE, shop("services: {shop: {x-environment: {A: '$${level} $HOME'}}}")]).contents

    assert shell(script["shop.with-environment"], "A") == ["${level} $HOME"]


def test_nginx_extra_without_addresses_is_refused() -> None:
    with pytest.raises(ContractError, match=r"nginx\.extra requires x-landfast\.http"):
        derive([HOUSE, replace(shop("services: {shop: {}}"), extra="location /x { return 404; }\n")])


def test_what_compose_puts_behind_tags_is_read_like_the_rest(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("include: [{path: [compose.house.yaml]}]")
    (tmp_path / "compose.house.yaml").write_text(
        "x-landfast: {secrets: {key: {}}}\n"
        "services:\n  nginx: {dns: !reset [], tmpfs: !override [/tmp], labels: !reset {a: b}, init: !reset true,"
        " x-secrets: {key: key}}\n"
    )

    (house,) = read(tmp_path)

    assert house.secrets == {"nginx": {"key": "key"}}


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("include: [compose.house.yaml, services/shop/compose.yaml]")
    assert listed(tmp_path) == ["services/shop/compose.yaml"]
    with pytest.raises(ContractError, match=r"compose\.house\.yaml: the file does not exist"):
        read(tmp_path)
    (tmp_path / "compose.house.yaml").write_text("{")
    with pytest.raises(ContractError, match=r"compose\.house\.yaml, line 1: this is not valid YAML"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "services:\n  shop:\n    command: [a, b\n    image: x\n",
            "line 4: this is not valid YAML: expected ',' or ']', but got ':', while parsing a flow sequence (line 3)",
        ),
        ("services:\n  shop:\n    image\n    tty: true\n", "line 4: this is not valid YAML: mapping values are not"),
        ("services:\n\tshop: {}\n", "line 2: this is not valid YAML: found character '\\t'"),
        (
            "services:\n  shop: {}\n  other: {}\n  shop: {}\n",
            "line 4: this is not valid YAML: the key shop is in line 2 already; remove",
        ),
        (
            "services: {shop: {}, shop: {}}\n",
            "line 1: this is not valid YAML: the key shop is in line 1 already; remove",
        ),
        ("services: {}\n", " has no services and no contract: add some, or remove the file's line from compose.yaml"),
        ("", " has no services and no contract"),
        ("services: {shop: {labels: {day: 2026-02-31}}}\n", " is not valid YAML: day is out of range for month"),
    ],
)
def test_a_half_written_file_is_named_with_its_line(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "compose.yaml").write_text("include: [compose.house.yaml, a.yaml, shop.yaml]")
    (tmp_path / "compose.house.yaml").write_text("services: {}")
    (tmp_path / "a.yaml").write_text("services: {a: {}}")
    (tmp_path / "shop.yaml").write_text(content)

    with pytest.raises(ContractError) as caught:
        read(tmp_path)

    assert str(caught.value).startswith("shop.yaml")
    assert said in str(caught.value)


def test_a_key_may_replace_a_merged_one(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("include: [compose.house.yaml]")
    text = "x-a: &a {image: x}\nx-b: &b {<<: *a, image: y}\nservices: {nginx: {<<: *b, image: z}}"
    (tmp_path / "compose.house.yaml").write_text(text)

    assert list(read(tmp_path)[0].services) == ["nginx"]


def test_the_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("include: [compose.house.yaml, a.yaml]")
    (tmp_path / "compose.house.yaml").write_text("x-landfast: {zzz: 1}")
    (tmp_path / "a.yaml").write_text("{")

    with pytest.raises(ContractError) as caught:
        read(tmp_path)

    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [
        "compose.house.yaml",
        "a.yaml, line 1",
    ]


def test_a_laptop_s_file_without_a_contract_is_named_too(tmp_path: Path) -> None:
    (tmp_path / "services/shop").mkdir(parents=True)
    (tmp_path / "compose.yaml").write_text("include: [services/shop/compose.yaml]")
    (tmp_path / "services/shop/compose.yaml").write_text("services: {shop: {}}")
    check_syntax(tmp_path)

    (tmp_path / "services/shop/compose.override.yaml").write_text("services: [")

    with pytest.raises(ContractError, match=r"^services/shop/compose\.override\.yaml, line 1: "):
        check_syntax(tmp_path)


def forms(key: schema.Key) -> set[str]:
    """Return the forms of a key and of all keys below it that a message may name."""
    own = set() if key.values or key.kind == "boolean" or (key.kind == "keys" and key.each is None) else {key.form}
    return own.union(*(forms(each) for each in (*key.keys.values(), *([key.each] if key.each else []))))


def test_no_message_shows_a_regular_expression() -> None:
    keys = [schema.APPLICATION, *schema.SERVICE.values()]

    assert set().union(*map(forms, keys)) - {schema.ANY} <= schema.WORDS.keys()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("compose.yaml", "include: 5", "compose.yaml: include must be a list, not 5"),
        ("compose.yaml", "include: [{path: 5}]", "compose.yaml: include: 5 is not a path"),
        ("compose.yaml", "include: [{paths: [a]}]", "compose.yaml: include: None is not a path"),
        ("compose.yaml", "include: [{path: [a, ./a]}]", "compose.yaml: include has ./a twice; remove one of the lines"),
        ("compose.yaml", "- a", "compose.yaml must be a mapping"),
        ("compose.house.yaml", "services: 5", "compose.house.yaml: services must be a mapping, not 5"),
        ("compose.house.yaml", "services: {nginx: 5}", "compose.house.yaml: services.nginx must be a mapping, not 5"),
        ("compose.house.yaml", "x-landfast: 5", "compose.house.yaml: x-landfast must be a mapping, not 5"),
    ],
)
def test_a_file_of_another_shape_is_named(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / "compose.yaml").write_text("include: [compose.house.yaml]")
    (tmp_path / "compose.house.yaml").write_text("")
    assert [contract.file for contract in read(tmp_path)] == ["compose.house.yaml"]

    (tmp_path / name).write_text(content)

    with pytest.raises(ContractError) as caught:
        read(tmp_path)
    assert said in str(caught.value)


def test_every_key_stands_in_the_reference() -> None:
    page = (ROOT / "contract/README.md").read_text(encoding="utf-8")
    keys = [
        *documented(schema.APPLICATION),
        *(entry for name, key in {**schema.SERVICE, **schema.SERVERS}.items() for entry in documented(key, name)),
    ]

    assert [f"| `{name}` | {means} |" for name, means in keys if f"| `{name}` | {means} |" not in page] == []


def test_every_placeholder_stands_in_the_reference() -> None:
    page = (ROOT / "contract/README.md").read_text(encoding="utf-8")
    names = refusal(PRODUCT.replace("database.url", "zzzzz")).partition("known: ")[2].split(", ")

    assert {"database.url", "smtp.password", "secret.NAME"} <= set(names)
    assert [name for name in names if ".shop." not in name and f"`{{{name}}}`" not in page] == []


def test_the_contract_of_the_guide_can_be_followed() -> None:
    page = (ROOT / "docs/how-to/applications.md").read_text(encoding="utf-8")
    own, nightly = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[:2]
    mine = replace(shop(own.replace("!override ", "").replace("\nservices:\n", f"\nservices:\n{nightly}")), file="mine")

    derived = derive([*read(ROOT), mine])

    assert "mine.localhost" in derived.hosts
    assert "DATABASE_URL='postgresql://mine:" in derived.contents["mine-worker.with-environment"]
    assert "server_name mine.localhost mine.example.org;" in derived.contents["nginx.servers.conf"]
    mounted = set(re.findall(r"subpath: ([\w-]+)", page))
    assert mounted == {"mine", "mine-worker", "migrate-mine", "mine-nightly"} <= set(derived.consumers)
    assert "periodically" in derived.consumers["mine-nightly"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("services: {shop: {x-environment: {A: b}}}", "services.shop: x-environment is read only in compose.yaml"),
        ("x-landfast: {}", "x-landfast is read only in compose.yaml; move it there"),
        ("services: {shop: {x-pendng: [a]}}", "services.shop: unknown key 'x-pendng'; did you mean x-pending?"),
        ("services: {shop: {X-Rollout: data}}", "services.shop: unknown key 'X-Rollout'; did you mean x-rollout?"),
    ],
)
@pytest.mark.parametrize("name", ["compose.override.yaml", "compose.servers.yaml"])
def test_a_key_that_nothing_reads_in_its_file_is_refused(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / "compose.yaml").write_text("include: [services/shop/compose.yaml]", encoding="utf-8")
    (tmp_path / "compose.house.yaml").write_text("services: {}", encoding="utf-8")
    (tmp_path / "services/shop").mkdir(parents=True)
    (tmp_path / "services/shop/compose.yaml").write_text("services: {shop: {}}", encoding="utf-8")
    (tmp_path / "services/shop" / name).write_text(content, encoding="utf-8")

    with pytest.raises(ContractError) as caught:
        check_syntax(tmp_path)
    assert said in str(caught.value)


@pytest.mark.parametrize("key", ["x-landfst", "x-Landfast", "x-landfasts"])
def test_a_contract_under_a_misspelt_key_is_refused(key: str) -> None:
    said = refusal(f"{key}: {{http: {{hosts: [a.localhost]}}}}")

    assert said == f"services/shop/compose.yaml: unknown key {key!r}; did you mean x-landfast?"


def test_a_contract_of_another_form_is_refused() -> None:
    assert "x-landfast must be a mapping, not []" in refusal("x-landfast: []")
