/*
 * Copyright 2026 gr-speculative contributors
 * SPDX-License-Identifier: GPL-3.0-or-later
 */

#ifndef INCLUDED_SPECULATIVE_CORE_TEST_TEMPORARY_FILE_H
#define INCLUDED_SPECULATIVE_CORE_TEST_TEMPORARY_FILE_H

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <unistd.h>

namespace test {

//! A file that lives as long as this.
class temporary_file
{
public:
    explicit temporary_file(const std::string& bytes)
    {
        std::string name =
            (std::filesystem::temp_directory_path() / "qa_model.XXXXXX").string();
        const int descriptor = mkstemp(&name[0]);
        BOOST_TEST_REQUIRE(descriptor >= 0);
        close(descriptor);
        d_path = name;
        std::ofstream(name, std::ios::binary) << bytes;
    }
    ~temporary_file() { std::filesystem::remove(d_path); }
    temporary_file(const temporary_file&) = delete;
    temporary_file& operator=(const temporary_file&) = delete;

    const std::string& path() const { return d_path; }

private:
    std::string d_path;
};

} // namespace test

#endif /* INCLUDED_SPECULATIVE_CORE_TEST_TEMPORARY_FILE_H */
