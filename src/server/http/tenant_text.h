// server/http/tenant_text.h: tenants, keys and events as JSON, and what is asked of them.
//
// A key's text is written once, in the answer to who had it made; a digest never.
//
// Threads:   any.
// Errors:    collected in the body.
// Lifetimes: arguments are only read.
#pragma once

#include <string>
#include <string_view>

#include "headrace/tenant_book.h"
#include "server/http/json_body.h"

namespace headrace::http {

void append_tenant(std::string& out, const Tenant& tenant);
void append_key(std::string& out, const TenantKey& key);
void append_made_key(std::string& out, const MadeKey& made);
void append_event(std::string& out, const TenantEvent& event);
// What a key's holder may know: who it is and what it may.
void append_identity(std::string& out, const Identity& who, std::string_view version);

// {"name":"shop","burst":100,...}
struct NewTenant {
  std::string name{};
  TenantChange with{};
};
[[nodiscard]] NewTenant new_tenant_in(JsonBody& body);
// {"suspended":true,"burst":100,"sustained":0,"daily":0,"records_max":0,"bytes_max":0,
//  "value_bytes_max":1}
[[nodiscard]] TenantChange tenant_change_in(JsonBody& body);
// {"tenant":"shop","name":"","kind":"live","scopes":[],"policies":[],"key_prefix":"",
//  "expires_at":"2027-01-01T00:00:00Z"}
[[nodiscard]] NewKey new_key_in(JsonBody& body);
// {"grace_seconds":86400}
[[nodiscard]] Duration grace_in(JsonBody& body);

}  // namespace headrace::http
