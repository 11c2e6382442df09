// SPDX-License-Identifier: Apache-2.0
#include "node/cli/verb.h"

namespace sf::cli {
namespace {

using nlohmann::json;

const Parameter kNamespace = {"namespace", "its name"};

View NamespaceRecord() {
  return Record({{"Name", "/name"},
                 {"State", "/state"},
                 {"Keys", "/keys"},
                 {"Trusts", "/trust/full"},
                 {"Metadata", "/metadata"}});
}

std::vector<Parameter> KeyParameters() {
  return {kNamespace,
          {"keyname", "of the key", "key_name"},
          {"key", "the key itself; -: read it from standard input", "key", Type::kSecret}};
}

}  // namespace

Noun NamespaceNoun() {
  return {"namespace",
          "Who may do what: namespaces and their keys",
          "/auth/namespaces",
          {MakeVerb("list", "GET", "/auth/namespaces", "List namespaces.", "list",
                    Table({{"NAME", "/name"},
                           {"STATE", "/state"},
                           {"KEYS", "/keys"},
                           {"TRUSTS", "/trust/full"}})),
           MakeVerb("show", "GET", "/auth/namespaces/{namespace}", "Show a namespace.",
                    "show team1", NamespaceRecord(), {kNamespace}),
           MakeVerb("create", "POST", "/auth/namespaces", "Create a namespace; for administrators.",
                    "create team1", NamespaceRecord(), {{"namespace", "its name", "namespace"}}),
           MakeVerb("delete", "DELETE", "/auth/namespaces/{namespace}",
                    "Delete an empty namespace; for administrators.", "delete team1", Nothing(),
                    {kNamespace}),
           {"clean",
            {{"DELETE", "/instances", Until::kDeleted},
             {"DELETE", "/networks"},
             {"DELETE", "/artifacts"}},
            "Delete all instances, networks and artifacts of the namespace.",
            "clean --confirm",
            Nothing(),
            {ConfirmFlag(), NamespaceFlag()},
            // A network that an instance is only just leaving waits for it.
            [](const Arguments&) -> Result<json> {
              return json{{"clean_wait", true}};
            }},
           MakeVerb("add-key", "POST", "/auth/namespaces/{namespace}/keys",
                    "Add a key, or replace the one of that name.", "add-key team1 deploy -",
                    Nothing(), KeyParameters()),
           MakeVerb("update-key", "PUT", "/auth/namespaces/{namespace}/keys/{keyname}",
                    "Replace a key; what logged in with the old one has to log in again.",
                    "update-key team1 deploy -", Nothing(), KeyParameters()),
           MakeVerb("delete-key", "DELETE", "/auth/namespaces/{namespace}/keys/{keyname}",
                    "Delete a key.", "delete-key team1 deploy", Nothing(),
                    {kNamespace, {"keyname", "of the key"}}),
           MakeVerb("add-trust", "POST", "/auth/namespaces/{namespace}/trust",
                    "Let another namespace manage it, and make artifacts and instances in it.",
                    "add-trust team1 ops", NamespaceRecord(),
                    {kNamespace, {"other", "whom to trust", "external_namespace"}}),
           MakeVerb("remove-trust", "DELETE", "/auth/namespaces/{namespace}/trust/{other}",
                    "Trust another namespace no longer.", "remove-trust team1 ops",
                    NamespaceRecord(), {kNamespace, {"other", "whom not to trust"}}),
           MakeVerb("get-metadata", "GET", "/auth/namespaces/{namespace}/metadata",
                    "Print its metadata, as JSON.", "get-metadata team1", RawText(), {kNamespace}),
           SetMetadataVerb("namespace", "/auth/namespaces/{namespace}/metadata/{key}",
                           "set-metadata team1 owner ops"),
           DeleteMetadataVerb("namespace", "/auth/namespaces/{namespace}/metadata/{key}",
                              "delete-metadata team1 owner")}};
}

}  // namespace sf::cli
