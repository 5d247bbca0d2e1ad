#include "server/resp/hub.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <utility>

#include "wire/uri.h"

namespace headrace::resp {

namespace {

// What is no UTF-8 gets a question mark for each of its bytes.
void append_text(std::string& out, std::string_view text) {
  const bool sound = wire::is_utf8(text);
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < ' ') {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(byte));
      out += escaped;
    } else {
      out += byte >= 0x80 && !sound ? '?' : c;
    }
  }
  out += '"';
}

// ,"tags":["a","b"]
template <class Items, class Append>
void append_list(std::string& out, std::string_view name, const Items& items, Append append) {
  if (items.empty()) return;
  if (out.back() != '{') out += ',';
  append_text(out, name);
  out += ":[";
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += ',';
    append(items[i]);
  }
  out += ']';
}

void append_mark(std::string& out, std::string_view name, bool is_set) {
  if (!is_set) return;
  if (out.back() != '{') out += ',';
  append_text(out, name);
  out += ":true";
}

std::string whole_of(const News& news) {
  std::string out = "{";
  const auto text = [&](const std::string& name) { append_text(out, name); };
  append_list(out, "keys", news.names.keys, [&](const Invalidation::KeyName& key) {
    out += "{\"policy\":";
    text(key.policy);
    out += ",\"entity\":";
    text(key.entity);
    out += '}';
  });
  append_list(out, "tags", news.names.tags, text);
  append_list(out, "policies", news.names.policies, text);
  append_mark(out, "everything", news.names.everything);
  append_mark(out, "missed", news.missed);
  return out + '}';
}

struct OfPolicy {
  std::vector<std::string> entities{};
  bool all = false;
};

}  // namespace

std::vector<Message> messages_of(const News& news, const std::vector<std::string>& policies) {
  std::vector<Message> messages{{.channel = std::string(all_channel), .payload = whole_of(news)}};
  std::map<std::string, OfPolicy> parts;
  for (const auto& key : news.names.keys) parts[key.policy].entities.push_back(key.entity);
  for (const std::string& policy : news.names.policies) parts[policy].all = true;
  // A tag may be of any policy: whoever hears of one alone reads again.
  const bool concerns_all = news.names.everything || news.missed || !news.names.tags.empty();
  if (concerns_all) {
    for (const std::string& policy : policies) static_cast<void>(parts[policy]);
  }
  for (const auto& [policy, part] : parts) {
    std::string out = "{";
    append_list(out, "entities", part.entities,
                [&](const std::string& entity) { append_text(out, entity); });
    append_mark(out, "all", part.all || news.names.everything || !news.names.tags.empty());
    append_mark(out, "missed", news.missed);
    messages.push_back({.channel = std::string(policy_channel) + policy, .payload = out + '}'});
  }
  return messages;
}

bool is_channel(std::string_view channel) noexcept {
  return channel == all_channel ||
         (channel.starts_with(policy_channel) && channel.size() > policy_channel.size());
}

bool is_named(const Identity& who, std::string_view policy) noexcept {
  return std::ranges::any_of(who.policies,
                             [&](const std::string& own) { return own == "*" || own == policy; });
}

bool may_hear(const Identity& who, std::string_view channel) noexcept {
  if (!who.scopes.has(Scope::watch) || !is_channel(channel)) return false;
  if (channel == all_channel) return is_named(who, "*");
  return is_named(who, channel.substr(policy_channel.size()));
}

Result<void> Hub::listen(Engine& engine) {
  auto told = [state = state_, &engine](const News& news) {
    std::vector<std::string> policies;
    for (const PolicyView& view : engine.policies()) policies.push_back(view.policy.name);
    const auto messages = std::make_shared<const std::vector<Message>>(messages_of(news, policies));
    const std::lock_guard lock(state->mutex);
    for (const auto& [id, deliver] : state->clients) deliver(messages);
  };
  auto listening = engine.on_invalidated({.of = Topic::Of::all}, std::move(told));
  if (!listening) return std::unexpected(std::move(listening.error()));
  listening_ = *std::move(listening);
  return {};
}

void Hub::close() {
  listening_.reset();
  const std::lock_guard lock(state_->mutex);
  state_->clients.clear();
}

void Hub::add(std::uint64_t client, Deliver deliver) {
  const std::lock_guard lock(state_->mutex);
  state_->clients.insert_or_assign(client, std::move(deliver));
}

void Hub::remove(std::uint64_t client) {
  const std::lock_guard lock(state_->mutex);
  state_->clients.erase(client);
}

}  // namespace headrace::resp
