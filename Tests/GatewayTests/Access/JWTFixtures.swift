// SPDX-License-Identifier: Apache-2.0

/// Keys and tokens made once with openssl and python-cryptography; the private keys were thrown away.
///
/// Every token is of `https://id.example.com`, for `sluice`, of `alice`, valid from 1800000000 to 1800000600.
enum JWTFixtures {
    static let rsa = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAzd1d6YfXY2BAZk7kujr/
        BFGmRUK0mGzFrMoVj8yQho9+3Hc/yGpXFLW7SyHrKgC9m8KAB+fG/jiUJz+FPuqY
        853UgeawzwhfpBKddr0uuTPhe+QZalIp47OySwcjYX0ebZjbjURcvAnyZ3gCvpRL
        Tp8BqcUf5UMp6N1w0QNGUpaiWnGVOudH16jGt5LyvAftgPqaqOWWlzXrm3HuTOJ2
        YoqtfCP2pbzumOMKJLweDfxwK6gqvlnf4VcRX7IYuJMqpQpziH5St2QiV59dHdtt
        VuRtDpbQk88IE43vUEtLXpXdkg7Yqzs6QvQqoC8iaJKNG2aBP6vSE6PiRJVtwYYA
        yQIDAQAB
        -----END PUBLIC KEY-----
        """

    static let shortRSA = """
        -----BEGIN PUBLIC KEY-----
        MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDEbogRkk9XbhCJDu2vVM7A2rO5
        0pExab3odWs1n9LzuBJ2bBya5U5FwJhuYGLRE4P2MBhqC13SNbHEdi1aYA/14Ls1
        j62A8PeIVe5hHdLlmixxZANpeiGwiMZaUMtZAJXXmWTETQWjYXB9p7HkinHzHPqL
        m6jc7E01OaXoMkOwCQIDAQAB
        -----END PUBLIC KEY-----
        """

    static let p256 = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEUaZ8gH9Gkf8XW4bV8PBYq2SBDlxB
        hYh89c5QsM4aAWG7jO1EdR1uIGHMQnZrKEeykrVkEUmdnItAB1JlIpksRg==
        -----END PUBLIC KEY-----
        """

    static let p384 = """
        -----BEGIN PUBLIC KEY-----
        MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEJodAHYRBX/5R50GNETTAuNTByWNUUeZu
        K5C6qTL7QhheQNw1A9Ht7ufjD4YhDemt4bqH/D/ZR5dw+jSLo8zUthb7f/B5rTGI
        YYTD6czSE/yazH+MqaLiQn5478ciaRsq
        -----END PUBLIC KEY-----
        """

    static let p521 = """
        -----BEGIN PUBLIC KEY-----
        MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQARp8l6wXyX4khdAfa2eUA/jSKKYeW
        B3I7rfJRndGZrOXDGbrzv3+cwQEn2A5q6AlcNcaOLBErCnPKMt5aYnXxhPUBh9j6
        O8sKXGXPk9qGDUSYs1WeqgdipTSYdgGET/IqI4NcX62ElB+QqlbkMAE8z4i/yLRP
        kuRuxq3roorzaYWCpIo=
        -----END PUBLIC KEY-----
        """

    static let rs256Token = """
        eyJhbGciOiAiUlMyNTYiLCAidHlwIjogIkpXVCJ9.eyJpc3MiOiAiaHR0cHM6Ly9pZC5leGFtcGxlLmNvbSIsICJhdWQiOiAic2x\
        1aWNlIiwgInN1YiI6ICJhbGljZSIsICJleHAiOiAxODAwMDAwNjAwLCAibmJmIjogMTgwMDAwMDAwMCwgImlhdCI6IDE4MDAwMDA\
        wMDAsICJzY29wZSI6ICJkb3dubG9hZHM6cmVhZCBvcGVuaWQifQ.mZ7VnoGrLeg9zuCCiDeJNnTp3zWRhO4Xy352uIxqKYiLGx-w\
        Fda9gNkr-I0rcxchoH00BO4BDgoOOepxB9YR9ZUdPuO-WPr34niqo1QUjuNo9YutpODC3O8f27uEuYnm_5ZsY4epKnI16XfMyq3b\
        -YL6t8ipSBAtuu5iFiDrBncoGkim0J-hwaggL2qz42trY3t0KwVZkS-hcfqUEx1wIl0BC8anSa4lcwqhhgNdswjdV29SosBjU9hR\
        qAlx2_Xs1qNqTitJUxCOMR_PKJGUMRtCxAd6izgtU7JTH_cLXkDgqbgt43XGE4lo-FNvJUWcCAqrQCjcJxX43zZ0INScGg
        """

    static let rs384Token = """
        eyJhbGciOiAiUlMzODQiLCAidHlwIjogIkpXVCJ9.eyJpc3MiOiAiaHR0cHM6Ly9pZC5leGFtcGxlLmNvbSIsICJhdWQiOiAic2x\
        1aWNlIiwgInN1YiI6ICJhbGljZSIsICJleHAiOiAxODAwMDAwNjAwLCAibmJmIjogMTgwMDAwMDAwMCwgImlhdCI6IDE4MDAwMDA\
        wMDAsICJzY29wZSI6ICJkb3dubG9hZHM6cmVhZCBvcGVuaWQifQ.Gvvqk2tGiEa977CaqEqQN0oWynW8w6gdnBtSaFixbFeUOVYv\
        wLDaEFRmmRtv6PG1Ho9Dt-Dj-g0mL-co-pFl7pynOljl9NMDkzXEr8orVSJyKDLj89lD-oI9NYm2Xv_qiZ4uEGJ7Lsc6bqbjuzEL\
        _Tnr0dIs0zlIi3shdCS1584foMi7TtcUwiDAhoMVUCj3fgnIiKzy0l1_PNTSlG4Xw_PDoDMIySiUiS2FVsisAXBsKoOcSGkaPK8K\
        5eHvG4xnryWPUPug5zHLOW3wXWbWCReCn_ALeurQtMaLn-8i_kywzQiGzaYpwsoHeP2FsVmHytLgeCaxmsHmRv_U-eIXuQ
        """

    static let rs512Token = """
        eyJhbGciOiAiUlM1MTIiLCAidHlwIjogIkpXVCJ9.eyJpc3MiOiAiaHR0cHM6Ly9pZC5leGFtcGxlLmNvbSIsICJhdWQiOiAic2x\
        1aWNlIiwgInN1YiI6ICJhbGljZSIsICJleHAiOiAxODAwMDAwNjAwLCAibmJmIjogMTgwMDAwMDAwMCwgImlhdCI6IDE4MDAwMDA\
        wMDAsICJzY29wZSI6ICJkb3dubG9hZHM6cmVhZCBvcGVuaWQifQ.wJewm6JEXGEpiFREzUzJujvMtYzzlBSFo6bXsHeUGJaqDwvu\
        wC1FmziHnjtUWPVYrZLT9dCmVTrFrHU7ZdeK5mVNpZLEXTkmp_wdow16uFardUmfPIPcKm_-NAXuj861chuhTTTr9232solneyRP\
        5P5pUt51sR2aolJRQYlwW63A6fWi3xeQkGC1C-KP1MUawcGshJK1kal_wbkMQXppMcT-OBCo-sfWTLH50iRwVdGnJj8tBbF4ux3K\
        fM-0aMqywy98E6NdfDDXcvEGwBj4AiC6_CJZBf_DCyPI7vFZKn832WNSIaXBFnJoOwA5LIrzmQG9cJKiirX8as049N224Q
        """

    static let es256Token = """
        eyJhbGciOiAiRVMyNTYiLCAidHlwIjogIkpXVCJ9.eyJpc3MiOiAiaHR0cHM6Ly9pZC5leGFtcGxlLmNvbSIsICJhdWQiOiAic2x\
        1aWNlIiwgInN1YiI6ICJhbGljZSIsICJleHAiOiAxODAwMDAwNjAwLCAibmJmIjogMTgwMDAwMDAwMCwgImlhdCI6IDE4MDAwMDA\
        wMDAsICJzY29wZSI6ICJkb3dubG9hZHM6cmVhZCBvcGVuaWQifQ.XDJsKctcRDoJFpMZviVV_josEnf_yPuDjRA7s8rJ7iTtMlpQ\
        47I2cq9BaCj8BI0B9-6s0x_M63sV9XJdEOgcSg
        """

    static let es384Token = """
        eyJhbGciOiAiRVMzODQiLCAidHlwIjogIkpXVCJ9.eyJpc3MiOiAiaHR0cHM6Ly9pZC5leGFtcGxlLmNvbSIsICJhdWQiOiAic2x\
        1aWNlIiwgInN1YiI6ICJhbGljZSIsICJleHAiOiAxODAwMDAwNjAwLCAibmJmIjogMTgwMDAwMDAwMCwgImlhdCI6IDE4MDAwMDA\
        wMDAsICJzY29wZSI6ICJkb3dubG9hZHM6cmVhZCBvcGVuaWQifQ.JlW-TQRlTvDiEyq7O3C6NMh2ImMNhS2tBdpr-FRHC5Jaj4hk\
        3lC2kbH-eEGBOGOaZaKSzsuSD3UpmIVz4cfIplRZ3bAQ4nD8bIYlybqU-HrFNMlHghqQwUfpxPxsuGnD
        """

    static let es512Token = """
        eyJhbGciOiAiRVM1MTIiLCAidHlwIjogIkpXVCJ9.eyJpc3MiOiAiaHR0cHM6Ly9pZC5leGFtcGxlLmNvbSIsICJhdWQiOiAic2x\
        1aWNlIiwgInN1YiI6ICJhbGljZSIsICJleHAiOiAxODAwMDAwNjAwLCAibmJmIjogMTgwMDAwMDAwMCwgImlhdCI6IDE4MDAwMDA\
        wMDAsICJzY29wZSI6ICJkb3dubG9hZHM6cmVhZCBvcGVuaWQifQ.APVTZMNBvsDNdm09tSaD4htcj5fMNl1ox9y7neVRHAFDx0Qf\
        t-5SGFomCvMDifyiu2oSuTzZ-JHTYym88smfGn-TADU_ZvfSm1kDjfXLRdgeFi4R3qkepDCULvqt4CvRaZwfSx4c9h3hEyksy1Wg\
        QwCEczTFbOcRITAsrsIuOpf74yJ1
        """

    static let otherKeyToken = """
        eyJhbGciOiAiUlMyNTYiLCAidHlwIjogIkpXVCJ9.eyJpc3MiOiAiaHR0cHM6Ly9pZC5leGFtcGxlLmNvbSIsICJhdWQiOiAic2x\
        1aWNlIiwgInN1YiI6ICJhbGljZSIsICJleHAiOiAxODAwMDAwNjAwLCAibmJmIjogMTgwMDAwMDAwMCwgImlhdCI6IDE4MDAwMDA\
        wMDAsICJzY29wZSI6ICJkb3dubG9hZHM6cmVhZCBvcGVuaWQifQ.L8NgDUgOqL6vLpQSH0Be_eJRqJ1ys1XEUjOZ1ENdYTQz2rlz\
        OMGSAc2xyy0IgWz_KpcU2Eay00PFfTd1oBXLBREopMECAQ2uinKUVHl_0a6YRV6cSJ6MRmELmUfc4EN0mVBo2TbD7aaKCCnQrQ-f\
        j6vaX9sRly66SThPnFjUcR3PHi85g8MuyY-mhxiZj6tXchLEio5v5yGqy4xnLwnzpji_45d-gZMgwmpwl0dFWzpP0TZVACcRVnK0\
        lRRIQQruLA2tBclMaF6cLVYRd3uVDR3JzZjfBi7hB7G0oWXG4s8HHYD3xsheBv38oE_nelx-v0oZcKisnRmQYL5TrGTj5g
        """

    static let ownJWKToken = """
        eyJhbGciOiAiUlMyNTYiLCAidHlwIjogIkpXVCIsICJqd2siOiB7Im4iOiAic2p6Vkx2NEx0M240STM0aG1Fb2JmQmNsZ2FaOUtK\
        S1FiS1d5RWxuUHNlTXJvXzN3b2ZBaW9Pb1o3Q0pISGhlWUNyNWxJbEFWMnFXR2ZUaXBFbk9OVS1md28wa2tCdndYeVl1R0RFY29I\
        VE5EdWhiVUUyclF0NHl4dndmMEpoUkFTTzR1dThLWVlEejEtVzMtdU1hNFZvYzRlVF9OdU9fdDd0UEhOXzRReWk3TjdEbFpEQWdt\
        WmNUeUtzOGl5V056Mm1xXzNfcnpmZ19nSVRPcTlzVjd0YS1GNmtCcV90cVNfdGl3eHJZdnpLVGxyaDdhRk5DSVRyVlFBaGxsNWpp\
        ZG5aNFg2R2tsZFZ5djcxUEI3a3FOUjc3T2xrUWwzS29mLWg3bXVFcHN2V3dGVnU5NmNRT2txd3pKWUFjUkwxYmREMEN6Ukp2RWFt\
        a3VHemlWSjRpVlpRIiwgImUiOiAiQVFBQiIsICJrdHkiOiAiUlNBIn19.eyJpc3MiOiAiaHR0cHM6Ly9pZC5leGFtcGxlLmNvbSI\
        sICJhdWQiOiAic2x1aWNlIiwgInN1YiI6ICJhbGljZSIsICJleHAiOiAxODAwMDAwNjAwLCAibmJmIjogMTgwMDAwMDAwMCwgIml\
        hdCI6IDE4MDAwMDAwMDAsICJzY29wZSI6ICJkb3dubG9hZHM6cmVhZCBvcGVuaWQifQ.FHzLCCkldA8c6Y_Gxk2hQRjNZ7VW_9HF\
        L8S4sUPV8vtdLcm6-ObWvbibfguD__-msrGhdszLWNzBBWs0CaR20bDc2L3vfbSxeFwqwai7cga7qv5V_OhKDrts72hzEweygLfx\
        0phcTt2BZVpcbrbXzAlx-VSZeWKOzBfr04qUPrbslxEhlUhXlBQJHM3ty2xomY24GUrJMFX44Xy0SglZXSVCt4GYDEwvg_i6lCMB\
        t1qGH5hwhEdd-UIwWrLXd5dOKPFZnazKpaK4ICkG-FYUhCYVIxa2S3AH2jiK2ds0wncb2O2b-2L_4UkwO7yIIe7XG4tOpNMuse5t\
        AXpxhFKURA
        """

    static let accessTokenToken = """
        eyJhbGciOiAiUlMyNTYiLCAidHlwIjogImF0K2p3dCJ9.eyJpc3MiOiAiaHR0cHM6Ly9pZC5leGFtcGxlLmNvbSIsICJhdWQiOiA\
        ic2x1aWNlIiwgInN1YiI6ICJhbGljZSIsICJleHAiOiAxODAwMDAwNjAwLCAibmJmIjogMTgwMDAwMDAwMCwgImlhdCI6IDE4MDA\
        wMDAwMDAsICJzY29wZSI6ICJkb3dubG9hZHM6cmVhZCBvcGVuaWQifQ.qaC6ZPezA7_xyNkqmho2gFXlOiNRFB4LiHzhjry7hXcE\
        pw2AmkcvXcBKVTBf9Kms9QiesQskbBYINok1TLRd4vpTZzJuVlbhwIGWTF1Yb0qgz2MPhnmSItMXDi_wr1uHpJw83XdHGtTwP4FO\
        0QI0bDVHBZF3aqUSKT88GnSSqHJ_A_16LLP4taTi4pS9C5eMH4DfI46qZaudojdb0khvBvotK3BK1xu-0JWeHFlgsorjlw4RhoLb\
        Tn-xDSUXDGNPRJRb7M0ZutfdwgAdjaGemHb-fMquYX7DrWBLDv4-6Gwf9svz4ca-Ct-KsSh32aUPsigEe26CVcSM7RSdb6mKJQ
        """
}
