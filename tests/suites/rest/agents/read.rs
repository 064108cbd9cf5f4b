//! Seeing what agents there are.

use insta::assert_snapshot;
use troupe_tests::redacted_json;

use crate::{empty_host, host};

#[tokio::test]
async fn a_new_host_has_no_agents() {
    let host = empty_host().await;
    assert_snapshot!(redacted_json(&host.client().get("/api/v1/agents").await.of(200)), @r#"
    {
      "items": []
    }
    "#);
}

#[tokio::test]
async fn the_list_says_what_serves_and_what_is_newest() {
    let host = host().await;
    assert_snapshot!(redacted_json(&host.client().get("/api/v1/agents").await.of(200)), @r#"
    {
      "items": [
        {
          "name": "counter",
          "summary": "Keeps numbers and bytes in state.",
          "serving": "1.0.0",
          "newest": "1.0.0",
          "skills": [
            "sum",
            "increment",
            "get",
            "put",
            "put_bytes",
            "compare_and_set",
            "delete",
            "list"
          ]
        },
        {
          "name": "echo",
          "summary": "Answers what it was asked and who asked it.",
          "serving": "1.0.0",
          "newest": "2.0.0",
          "skills": [
            "echo",
            "version",
            "who",
            "sleep",
            "fail",
            "shout"
          ]
        },
        {
          "name": "hostile",
          "summary": "Misbehaves in one way a skill.",
          "serving": "1.0.0",
          "newest": "1.0.0",
          "skills": [
            "spin",
            "grow",
            "grow_gently",
            "recurse",
            "trap",
            "panic",
            "flood_log",
            "flood_log_bytes",
            "flood_lines",
            "print_at_once",
            "huge_details",
            "random_after_refusal",
            "write_state",
            "forge_note",
            "huge_output",
            "host_calls",
            "handles",
            "environment",
            "open_file",
            "connect",
            "random",
            "stdout",
            "flood_stdout",
            "clock"
          ]
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn an_agent_shows_the_skills_of_the_release_that_serves() {
    let host = host().await;
    assert_snapshot!(redacted_json(&host.client().get("/api/v1/agents/counter").await.of(200)), @r#"
    {
      "name": "counter",
      "summary": "Keeps numbers and bytes in state.",
      "serving": "1.0.0",
      "newest": "1.0.0",
      "skills": [
        "sum",
        "increment",
        "get",
        "put",
        "put_bytes",
        "compare_and_set",
        "delete",
        "list"
      ],
      "goals": [
        "Show that each write happens once"
      ],
      "release": {
        "agent": "counter",
        "version": "1.0.0",
        "digest": "[digest]",
        "component": "[digest]",
        "published_at": "[time]"
      },
      "skill_details": [
        {
          "name": "sum",
          "description": "Adds up the numbers under some keys; an absent one counts nothing.",
          "effect": "read",
          "input": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {
              "keys": {
                "description": "The keys of the numbers.",
                "items": {
                  "type": "string"
                },
                "type": "array"
              }
            },
            "required": [
              "keys"
            ],
            "title": "Sum",
            "type": "object"
          },
          "output": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {
              "count": {
                "format": "uint64",
                "minimum": 0,
                "type": "integer"
              }
            },
            "required": [
              "count"
            ],
            "title": "Count",
            "type": "object"
          }
        },
        {
          "name": "increment",
          "description": "Adds one to the number under a key, however many do so at once.",
          "effect": "write",
          "input": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {
              "key": {
                "description": "The key in state.",
                "type": "string"
              }
            },
            "required": [
              "key"
            ],
            "title": "Key",
            "type": "object"
          },
          "output": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {
              "count": {
                "format": "uint64",
                "minimum": 0,
                "type": "integer"
              }
            },
            "required": [
              "count"
            ],
            "title": "Count",
            "type": "object"
          }
        },
        {
          "name": "get",
          "description": "Reads the text under a key.",
          "effect": "read",
          "input": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {
              "key": {
                "description": "The key in state.",
                "type": "string"
              }
            },
            "required": [
              "key"
            ],
            "title": "Key",
            "type": "object"
          },
          "output": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {
              "revision": {
                "description": "The revision that wrote it.",
                "format": "uint64",
                "minimum": 0,
                "type": [
                  "integer",
                  "null"
                ]
              },
              "value": {
                "description": "The value, as text; none if the key is absent.",
                "type": [
                  "string",
                  "null"
                ]
              }
            },
            "required": [
              "value",
              "revision"
            ],
            "title": "Found",
            "type": "object"
          }
        },
        {
          "name": "put",
          "description": "Writes text under a key.",
          "effect": "write",
          "input": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {
              "key": {
                "type": "string"
              },
              "value": {
                "type": "string"
              }
            },
            "required": [
              "key",
              "value"
            ],
            "title": "Put",
            "type": "object"
          },
          "output": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {
              "revision": {
                "format": "uint64",
                "minimum": 0,
                "type": "integer"
              }
            },
            "required": [
              "revision"
            ],
            "title": "Written",
            "type": "object"
          }
        },
        {
          "name": "put_bytes",
          "description": "Writes a number of bytes under a key, to meet the limits.",
          "effect": "write",
          "input": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {
              "bytes": {
                "description": "How many bytes to write.",
                "format": "uint",
                "minimum": 0,
                "type": "integer"
              },
              "key": {
                "type": "string"
              }
            },
            "required": [
              "key",
              "bytes"
            ],
            "title": "PutBytes",
            "type": "object"
          },
          "output": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {
              "revision": {
                "format": "uint64",
                "minimum": 0,
                "type": "integer"
              }
            },
            "required": [
              "revision"
            ],
            "title": "Written",
            "type": "object"
          }
        },
        {
          "name": "compare_and_set",
          "description": "Writes text under a key if its revision is the expected one.",
          "effect": "write",
          "input": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {
              "expected": {
                "default": null,
                "description": "The revision that the key should be at; none if it should be absent.",
                "format": "uint64",
                "minimum": 0,
                "type": [
                  "integer",
                  "null"
                ]
              },
              "key": {
                "type": "string"
              },
              "value": {
                "type": "string"
              }
            },
            "required": [
              "key",
              "value"
            ],
            "title": "CompareAndSet",
            "type": "object"
          },
          "output": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {
              "conflict": {
                "description": "Whether another write came first.",
                "type": "boolean"
              },
              "found": {
                "description": "The revision that was found, if another write came first and the key is there.",
                "format": "uint64",
                "minimum": 0,
                "type": [
                  "integer",
                  "null"
                ]
              },
              "revision": {
                "description": "The new revision, if it was written.",
                "format": "uint64",
                "minimum": 0,
                "type": [
                  "integer",
                  "null"
                ]
              }
            },
            "required": [
              "revision",
              "conflict",
              "found"
            ],
            "title": "Swapped",
            "type": "object"
          }
        },
        {
          "name": "delete",
          "description": "Deletes a key.",
          "effect": "destructive",
          "input": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {
              "key": {
                "description": "The key in state.",
                "type": "string"
              }
            },
            "required": [
              "key"
            ],
            "title": "Key",
            "type": "object"
          },
          "output": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {
              "was_there": {
                "type": "boolean"
              }
            },
            "required": [
              "was_there"
            ],
            "title": "Deleted",
            "type": "object"
          }
        },
        {
          "name": "list",
          "description": "Lists keys.",
          "effect": "read",
          "input": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {
              "after": {
                "default": null,
                "type": [
                  "string",
                  "null"
                ]
              },
              "limit": {
                "format": "uint32",
                "minimum": 0,
                "type": "integer"
              },
              "prefix": {
                "default": "",
                "type": "string"
              }
            },
            "required": [
              "limit"
            ],
            "title": "List",
            "type": "object"
          },
          "output": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "properties": {
              "keys": {
                "items": {
                  "type": "string"
                },
                "type": "array"
              }
            },
            "required": [
              "keys"
            ],
            "title": "Listed",
            "type": "object"
          }
        }
      ]
    }
    "#);
    let echo = host.client().get("/api/v1/agents/echo").await.of(200);
    assert_eq!((&echo["release"]["version"], &echo["newest"]), (&"1.0.0".into(), &"2.0.0".into()));
}

#[tokio::test]
async fn versions_are_listed_highest_first() {
    let host = host().await;
    assert_snapshot!(redacted_json(&host.client().get("/api/v1/agents/echo/versions").await.of(200)), @r#"
    {
      "items": [
        {
          "agent": "echo",
          "version": "2.0.0",
          "digest": "[digest]",
          "component": "[digest]",
          "published_at": "[time]"
        },
        {
          "agent": "echo",
          "version": "1.0.0",
          "digest": "[digest]",
          "component": "[digest]",
          "published_at": "[time]"
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn an_agent_that_is_not_there_is_not_found_whatever_its_name() {
    let host = host().await;
    for path in ["/api/v1/agents/nobody", "/api/v1/agents/nobody/versions"] {
        let problem = host.client().get(path).await.problem(404, "agent.not_found");
        assert_eq!(problem["detail"], "there is no agent `nobody`; `troupe agents` lists those there are");
    }
    for name in ["..", "%2e%2e%2f", "ECHO", "%00", "%1b%5b2J", "a%0ab"] {
        host.client().get(&format!("/api/v1/agents/x{name}")).await.problem(404, "agent.not_found");
    }
}
