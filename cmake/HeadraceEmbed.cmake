# headrace_embed(SOURCE HEADER h FUNCTION f FILES ...): writes SOURCE, which defines the function
# that HEADER declares, `std::span<const std::string_view> f() noexcept`: the texts of the files, in
# their order.  It needs no tool but CMake, which runs again when one of the files has changed.
function(headrace_embed source)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "HEADER;FUNCTION" "FILES")
  set(text "#include \"${arg_HEADER}\"\n\n")
  string(APPEND text "std::span<const std::string_view> ${arg_FUNCTION}() noexcept {\n")
  string(APPEND text "  static constexpr std::string_view texts[] = {\n")
  foreach(file IN LISTS arg_FILES)
    get_filename_component(path ${file} ABSOLUTE)
    file(SIZE ${path} bytes)
    if(bytes GREATER 60000)  # A compiler need not take literals over 64 KiB.
      message(FATAL_ERROR "${file} is too large to be one literal")
    endif()
    file(READ ${path} content)
    string(APPEND text "R\"embedded(${content})embedded\",\n")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
  endforeach()
  string(APPEND text "  };\n  return texts;\n}\n")
  file(WRITE ${source}.new "${text}")
  file(COPY_FILE ${source}.new ${source} ONLY_IF_DIFFERENT)
endfunction()
