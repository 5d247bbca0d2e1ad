// feeds/postgres/outbox_sql.h: the SQL of an installation: tables, trigger functions, triggers.
//
// Threads:   functions of their arguments.
// Errors:    none.
// Lifetimes: values.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "feeds/postgres/watched.h"
#include "headrace/feeds/postgres.h"

namespace headrace::postgres::feed {

inline constexpr std::array<std::string_view, 4> outbox_events{"insert", "update", "delete",
                                                               "truncate"};

// In single quotes, as SQL wants a text.
[[nodiscard]] std::string literal(std::string_view text);

// A notification's channel, by which a feed is woken.
[[nodiscard]] std::string channel_of(std::string_view feed);

// Of the function that the triggers of one watched table call; in the schema headrace.
[[nodiscard]] std::string function_name(std::string_view feed, const Watched& watched);
[[nodiscard]] std::string function_body(const PostgresOutbox& outbox, const Watched& watched);
[[nodiscard]] std::string trigger_name(std::string_view feed, const Watched& watched,
                                       std::string_view event);

// Matches the names of all functions of a feed, and of no other.
[[nodiscard]] std::string functions_pattern(std::string_view feed);

// What outbox.role needs; empty if it names none.
[[nodiscard]] std::string grant_sql(const PostgresOutbox& outbox);
// `old_functions`: those of an earlier installation, which go with their triggers.
[[nodiscard]] std::string install_sql(const PostgresOutbox& outbox,
                                      const std::vector<Watched>& tables,
                                      const std::vector<std::string>& old_functions);
// `is_last`: what all feeds share goes too.
[[nodiscard]] std::string uninstall_sql(std::string_view feed,
                                        const std::vector<std::string>& functions, bool is_last);

}  // namespace headrace::postgres::feed
