"""The commands of `./shopmine`."""
