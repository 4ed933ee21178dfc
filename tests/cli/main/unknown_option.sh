winnow --verison
