// Keys and values are to be the texts that those have who ask: so the session has the settings for
// them, whatever the server's or the role's are.
#include "feeds/decoding/stream.h"

#include <algorithm>

namespace headrace::postgres::decoding {

Result<std::unique_ptr<Stream>> Stream::open(const PostgresDecodingOptions& options,
                                             const std::string& slot, const Clock& clock,
                                             const Bell& bell) {
  const Instant until = clock.now() + options.login.connect_within;
  auto opened = Session::open({.connection = options.login.connection,
                               .password = options.login.password,
                               .replicates = true},
                              clock, bell, until);
  if (!opened) return std::unexpected(std::move(opened.error()));
  auto stream = std::make_unique<Stream>(options, slot, clock, std::move(*opened));
  const auto silent = std::chrono::ceil<std::chrono::milliseconds>(options.silent_max).count();
  const std::string settings =
      "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'; SET IntervalStyle = 'iso_8601'; "
      "SET extra_float_digits = 1; SET bytea_output = 'hex'; SET wal_sender_timeout = " +
      std::to_string(silent);
  const Instant answered_by = clock.now() + options.login.answer_within;
  Result<void> done = stream->session_->run(settings, {}, answered_by);
  if (done) {
    done = stream->session_->stream("START_REPLICATION SLOT \"" + slot +
                                        "\" LOGICAL 0/0 (proto_version '1', publication_names '\"" +
                                        slot + "\"')",
                                    answered_by);
  }
  if (!done) return std::unexpected(std::move(done.error()));
  return stream;
}

// Within a transaction how far the server is says nothing: its commit is yet to come.
Result<bool> Stream::listen(Backlog& backlog) {
  const auto bytes = session_->receive();
  if (!bytes) return std::unexpected(bytes.error());
  if (!*bytes) return false;
  heard_at_ = clock_.now();
  const Result<Frame> frame = read_frame(**bytes);
  if (!frame) return std::unexpected(frame.error());
  if (const auto* keepalive = std::get_if<Keepalive>(&*frame)) {
    is_asked_ = is_asked_ || keepalive->asks;
    if (!assembly_.is_open()) heard_ = std::max(heard_, keepalive->until);
    return true;
  }
  const Result<Message> message = read_message(std::get<Output>(*frame).bytes);
  if (!message) return std::unexpected(message.error());
  auto transaction = assembly_.take(*message);
  if (!transaction) return std::unexpected(transaction.error());
  if (!*transaction) return true;
  heard_ = std::max(heard_, std::get<Commit>(*message).end);
  backlog.add(**std::move(transaction));
  return true;
}

Result<void> Stream::report(LogPlace until, Reply reply) {
  is_asked_ = false;
  return session_->send(status_frame(until, reply));
}

}  // namespace headrace::postgres::decoding
