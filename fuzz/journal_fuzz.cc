// The journal's file: whatever its bytes are, reading it ends, all that stands can be read, and
// what is written of it anew is sound and says the same; and a frame has one encoding.
#include "core/hash.h"
#include "input.h"
#include "journals/file/frames.h"
#include "journals/file/scan.h"

namespace headrace::fuzz {

namespace {

using journals::Scan;

void check(std::string_view bytes) {
  const Scan found = journals::scan(bytes);
  std::string anew = journals::head_of(found.next);
  bool lost = false;
  for (const auto& [number, text] : found.standing) {
    const auto frame = journals::read_frame(text);
    demand(frame.has_value() && frame->bytes == text.size(), "what stands can be read");
    demand(!frame->strikes && frame->record.number == number, "it stands under its number");
    demand(number < found.next, "the next number is not given yet");
    lost = lost || frame->record.lost;
    anew += text;
  }
  demand(found.found != Scan::Found::damaged || lost, "what is damaged has lost something");
  demand(found.found == Scan::Found::sound || !found.what.empty(), "damage is told in words");
  const Scan again = journals::scan(anew);
  demand(again.found == Scan::Found::sound, "what is written anew is sound");
  demand(again.standing == found.standing, "it says the same");
  if (found.found != Scan::Found::unfinished) return;
  const Scan cut = journals::scan(bytes.substr(0, found.sound_bytes));
  demand(cut.found == Scan::Found::sound, "what is left when the end is cut off is sound");
  demand(cut.standing == found.standing, "and says the same");
}

void append(std::string& text, std::uint64_t number, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) text += static_cast<char>(number >> (8 * i));
}

// The bytes as the body of a frame, with the sums that chance would never hit.
std::string sealed(std::string_view body) {
  std::string text = "HRjf";
  append(text, body.size(), 4);
  append(text, hash64(text), 8);
  text += body;
  append(text, hash64(text), 8);
  return text;
}

void check_frame(const std::string& text) {
  const auto frame = journals::read_frame(text);
  if (!frame) return;
  const std::string again = frame->strikes ? journals::frame_of_strikes(frame->struck)
                                           : journals::frame_of(frame->record);
  demand(again == text, "a frame has one encoding");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = text_of(bytes, size);
  check(text);
  const std::string frame = sealed(text);
  check_frame(frame);
  check(journals::head_of(1) + frame + std::string(text));
  return 0;
}

}  // namespace headrace::fuzz
