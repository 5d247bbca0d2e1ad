#include "feeds/firestore/stream.h"

#include <utility>

namespace headrace::firestore::feed {

std::shared_ptr<Stream> Stream::open(std::shared_ptr<FirestoreDatabase> database,
                                     std::vector<api::ListenRequest> requests, Hearing hearing,
                                     const Clock& clock, std::shared_ptr<Bell> bell) {
  auto stream = std::make_shared<Stream>(Key{}, std::move(database), std::move(requests),
                                         std::move(hearing), clock, std::move(bell));
  stream->self_ = stream;
  Stub& stub = stream->database_->stub_of_stream(stream->context_);
  stub.Listen(&stream->context_, stream.get());
  stream->StartWrite(&stream->requests_.front());
  stream->StartRead(&stream->response_);
  stream->pass();
  stream->StartCall();
  return stream;
}

void Stream::cancel() {
  {
    const std::scoped_lock lock(mutex_);
    is_cancelled_ = true;
  }
  context_.TryCancel();
}

std::optional<Cut> Stream::take_cut() {
  const std::scoped_lock lock(mutex_);
  return is_cancelled_ ? std::nullopt : hearing_.take_cut();
}

Stream::State Stream::state() const {
  const std::scoped_lock lock(mutex_);
  return {.reached = hearing_.reached(),
          .heard_at = heard_at_,
          .has_cut = hearing_.has_cut(),
          .is_lost = hearing_.is_lost(),
          .trouble = hearing_.trouble(),
          .waiting = hearing_.waiting(),
          .reads = hearing_.reads()};
}

void Stream::OnWriteDone(bool is_sent) {
  pass();
  if (!is_sent || ++sent_ == requests_.size()) return;
  pass();
  StartWrite(&requests_[sent_]);
}

void Stream::OnReadDone(bool is_there) {
  pass();
  if (!is_there) return;
  bool is_worth_a_look = false;
  {
    const std::scoped_lock lock(mutex_);
    heard_at_ = clock_.now();
    is_worth_a_look = !is_cancelled_ && hearing_.take(response_, heard_at_);
  }
  if (is_worth_a_look) bell_->ring();
  pass();
  StartRead(&response_);
}

void Stream::OnDone(const grpc::Status& status) {
  pass();
  status_ = status;
  pass();
  // Whoever goes last takes the channel along, and gRPC's own threads must not end it.
  Executor& executor = database_->executor();
  executor.post([self = std::move(self_)] {
    self->ended_.store(true, std::memory_order_release);
    self->bell_->ring();
  });
}

}  // namespace headrace::firestore::feed
